import Foundation
import TestSupport

@testable import SensorIO

/// A consumer at a broker, fast enough for 100 000 messages: its own session on its own thread.
final class OutboxConsumer: @unchecked Sendable {
    // Proof of @unchecked Sendable: everything mutable is touched with `lock` locked, the session by its thread.
    struct Message: Equatable {
        var topic: String
        var text: String
        var isRetained: Bool
    }

    private let lock = NSCondition()
    private var messages: [Message] = []
    private var isStopped = false
    private var isReady = false
    private let wake: EventDescriptor

    init(_ port: UInt16, _ filters: [String]) throws {
        wake = try EventDescriptor()
        Thread.detachNewThread { [self] in run(port, filters) }
        try wait("subscription") { _ in isReady }
    }

    private func run(_ port: UInt16, _ filters: [String]) {
        let endpoint = MQTTEndpoint(
            host: "127.0.0.1", port: port, clientIdentifier: "consumer-\(UUID().uuidString)",
            reconnect: BackoffPolicy(
                initialNanoseconds: 20_000_000, maximumNanoseconds: 100_000_000))
        guard
            let session = try? MQTTSession(
                endpoint: endpoint, subscriptions: filters.map { MQTTSubscription(filter: $0) })
        else { return }
        session.onMessage = { [self] message in
            let received = Message(
                topic: String(decoding: message.topic, as: UTF8.self),
                text: String(decoding: message.payload, as: UTF8.self),
                isRetained: message.isRetained)
            lock.lock()
            messages.append(received)
            lock.broadcast()
            lock.unlock()
        }
        var set = PollSet(capacity: 4)
        session.start(nowNanoseconds: MonotonicClock.nanoseconds)
        while true {
            lock.lock()
            let stops = isStopped
            if session.isReady != isReady {
                isReady = session.isReady
                lock.broadcast()
            }
            lock.unlock()
            if stops { break }
            set.removeAll()
            set.add(wake.fileDescriptor, .readable)
            session.appendPollDescriptors(to: &set)
            set.wait(deadlineNanoseconds: session.nextDeadlineNanoseconds)
            session.service(set, nowNanoseconds: MonotonicClock.nanoseconds)
        }
        session.stop(timeoutNanoseconds: 200_000_000)
    }

    deinit { stop() }

    func stop() {
        lock.lock()
        isStopped = true
        lock.unlock()
        wake.signal()
    }

    var all: [Message] {
        lock.lock()
        defer { lock.unlock() }
        return messages
    }

    func texts(_ topic: String) -> [String] { all.filter { $0.topic == topic }.map(\.text) }

    /// Waits until what has come satisfies the predicate, which is called with the lock held.
    @discardableResult
    func wait(
        _ what: String, within seconds: Double = 15, until isSatisfied: ([Message]) -> Bool
    ) throws -> [Message] {
        let deadline = Date(timeIntervalSinceNow: seconds)
        lock.lock()
        defer { lock.unlock() }
        while !isSatisfied(messages) {
            if !lock.wait(until: deadline), !isSatisfied(messages) {
                throw TestFailure(
                    "no \(what) within \(seconds) s; \(messages.count) messages, the last:"
                        + " \(messages.suffix(5))")
            }
        }
        return messages
    }
}
