/// A stage on the way of a sample.
package enum Stage: Int, Sendable, CaseIterable {
    /// Readable on the socket, or waiting behind other windows.
    case wait = 0
    case decode
    case features
    case inference
    case alarm
    case publish

    /// The name as it stands in metrics and status.
    package var name: StaticString {
        switch self {
        case .wait: "wait"
        case .decode: "decode"
        case .features: "features"
        case .inference: "inference"
        case .alarm: "alarm"
        case .publish: "publish"
        }
    }

    package static let count = 6
}

/// How long each stage of one evaluation took.
package struct StageTimes: Sendable, Equatable {
    private var nanoseconds = InlineArray<6, UInt64>(repeating: 0)

    package init() {}

    /// - Units: nanoseconds.
    package subscript(stage: Stage) -> UInt64 {
        get { nanoseconds[stage.rawValue] }
        set { nanoseconds[stage.rawValue] = newValue }
    }

    /// - Units: nanoseconds. By the stage's raw value, for loops.
    subscript(index: Int) -> UInt64 {
        get { nanoseconds[index] }
        set { nanoseconds[index] = newValue }
    }

    /// All stages together: from readable to handed to the kernel.
    package var totalNanoseconds: UInt64 {
        var sum: UInt64 = 0
        for index in 0..<Stage.count { sum &+= nanoseconds[index] }
        return sum
    }

    package static func == (left: StageTimes, right: StageTimes) -> Bool {
        Stage.allCases.allSatisfy { left[$0] == right[$0] }
    }
}

/// Splits the time of one evaluation into stages that add up exactly to the whole.
///
/// Made when a window's turn comes; each `lap` charges the time since the one before to a stage.
package struct StageClock: Sendable {
    package private(set) var times = StageTimes()
    private let startNanoseconds: UInt64
    private var lastNanoseconds: UInt64

    /// Starts at the moment the window's last sample was readable.
    ///
    /// - Parameters:
    ///   - readableAtNanoseconds: monotonic.
    ///   - decodeNanoseconds: what decoding that sample took, somewhere between then and now.
    ///   - now: when the window's turn came; the rest of the time until then was waiting.
    package init(readableAtNanoseconds: UInt64, decodeNanoseconds: UInt64, now: UInt64) {
        startNanoseconds = readableAtNanoseconds
        lastNanoseconds = max(now, readableAtNanoseconds)
        let age = lastNanoseconds &- readableAtNanoseconds
        times[.decode] = min(decodeNanoseconds, age)
        times[.wait] = age &- times[.decode]
    }

    /// Charges the time since the last lap to `stage`.
    @inline(__always)
    package mutating func lap(_ stage: Stage, now: UInt64) {
        guard now > lastNanoseconds else { return }  // A clock that stands still costs nothing.
        times[stage] &+= now &- lastNanoseconds
        lastNanoseconds = now
    }

    /// How old the window is at the last lap.
    package var ageNanoseconds: UInt64 { lastNanoseconds &- startNanoseconds }
}
