import Foundation

/// What happened so far, in order; tests wait for it to look right instead of sleeping.
///
/// - Thread: any.
public final class EventLog<Element: Sendable>: @unchecked Sendable {
    // Proof of @unchecked Sendable: `elements` is touched only with `condition` locked.
    private let condition = NSCondition()
    private var elements: [Element] = []

    public init() {}

    public func append(_ element: Element) {
        condition.lock()
        elements.append(element)
        condition.broadcast()
        condition.unlock()
    }

    /// Everything so far.
    public var all: [Element] {
        condition.lock()
        defer { condition.unlock() }
        return elements
    }

    public var count: Int { all.count }

    public func removeAll() {
        condition.lock()
        elements.removeAll()
        condition.unlock()
    }

    /// Waits until what has happened satisfies the predicate, and returns it.
    ///
    /// - Throws: ``TestFailure`` with what was waited for and what has happened, at the deadline.
    @discardableResult
    public func wait(
        for what: String, within seconds: Double = 10, until isSatisfied: ([Element]) -> Bool
    ) throws -> [Element] {
        let deadline = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        defer { condition.unlock() }
        while !isSatisfied(elements) {
            if !condition.wait(until: deadline), !isSatisfied(elements) {
                let last = elements.suffix(10).map { "\($0)" }.joined(separator: "\n  ")
                throw TestFailure(
                    "no \(what) within \(seconds) s; \(elements.count) events, the last:\n  \(last)"
                )
            }
        }
        return elements
    }

    /// Waits for the first element that satisfies the predicate, and returns it.
    @discardableResult
    public func first(
        _ what: String, within seconds: Double = 10, where isWanted: (Element) -> Bool
    ) throws -> Element {
        let all = try wait(for: what, within: seconds) { $0.contains(where: isWanted) }
        guard let element = all.first(where: isWanted) else { throw TestFailure("no \(what)") }
        return element
    }

    /// Waits until there are at least `count` elements, and returns them all.
    @discardableResult
    public func atLeast(
        _ count: Int, _ what: String = "events", within seconds: Double = 10
    ) throws -> [Element] {
        try wait(for: "\(count) \(what)", within: seconds) { $0.count >= count }
    }
}

/// Runs `body` and fails if it takes longer than `seconds`; the body is cancelled then.
public func withDeadline<Value: Sendable>(
    _ what: String, within seconds: Double = 10,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: .seconds(seconds))
            throw TestFailure("\(what) took longer than \(seconds) s")
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() else { throw TestFailure("\(what): no result") }
        return value
    }
}

/// Waits for something that cannot tell by itself, such as the content of a file: looks again and again.
///
/// - Throws: ``TestFailure`` at the deadline.
public func waitUntil(
    _ what: String, within seconds: Double = 10, _ isSo: () throws -> Bool?
) throws {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while try isSo() != true {
        guard Date() < deadline else { throw TestFailure("no \(what) within \(seconds) s") }
        usleep(10_000)
    }
}
