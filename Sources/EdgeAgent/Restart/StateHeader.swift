package import SensorIO

/// What saved windows are bound to, and when they were saved.
///
/// Little-endian, 104 bytes: magic `EAWS`, version UInt16, zero UInt16, the clocks (uptime, wall, synchronised,
/// kernel's boot, each 8 bytes), the model's hash, the hash of channels and topics, the windows' shape in six
/// UInt64.
struct StateHeader: Equatable {
    static let magic: UInt32 = 0x5357_4145
    static let version: UInt16 = 1
    static let byteCount = 104

    var clock: OutboxClockReading
    /// Of the model's digest and its alarm rule: what the alarms' counts depend on.
    var modelHash: UInt64
    /// Of all that says which values a window's rows hold.
    var inputsHash: UInt64
    /// Of the bank: six numbers.
    var shape: [UInt64]

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        Self.put(Self.magic, to: &bytes)
        Self.put(Self.version, to: &bytes)
        Self.put(UInt16(0), to: &bytes)
        Self.put(clock.uptimeNanoseconds, to: &bytes)
        Self.put(clock.wallNanoseconds, to: &bytes)
        Self.put(Int64(clock.isSynchronised ? 1 : 0), to: &bytes)
        Self.put(clock.kernelBoot, to: &bytes)
        Self.put(modelHash, to: &bytes)
        Self.put(inputsHash, to: &bytes)
        for number in shape { Self.put(number, to: &bytes) }
        return bytes
    }

    /// - Parameter bytes: at least `byteCount`.
    init(_ bytes: UnsafeRawBufferPointer) throws(StateFileError) {
        guard bytes.count >= Self.byteCount else { throw .truncated }
        func number<Value: FixedWidthInteger>(_ offset: Int, _ type: Value.Type) -> Value {
            // Below `byteCount`, which was checked.
            unsafe Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
        }
        guard number(0, UInt32.self) == Self.magic else { throw .notAState }
        let version = number(4, UInt16.self)
        guard version == Self.version else { throw .unknownVersion(version) }
        clock = OutboxClockReading(
            uptimeNanoseconds: number(8, Int64.self), wallNanoseconds: number(16, Int64.self),
            isSynchronised: number(24, Int64.self) == 1, kernelBoot: number(32, Int64.self))
        modelHash = number(40, UInt64.self)
        inputsHash = number(48, UInt64.self)
        shape = (0..<6).map { number(56 + 8 * $0, UInt64.self) }
    }

    init(clock: OutboxClockReading, modelHash: UInt64, inputsHash: UInt64, shape: [UInt64]) {
        precondition(shape.count == 6, "A window's shape is six numbers.")
        self.clock = clock
        self.modelHash = modelHash
        self.inputsHash = inputsHash
        self.shape = shape
    }

    static func put<Value: FixedWidthInteger>(_ value: Value, to bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
    }
}

/// For how long something has been saved.
package enum SavedAge: Equatable, Sendable {
    /// - Units: nanoseconds
    case known(UInt64)
    /// The box was started anew, and the wall clock was wrong before or after: nobody knows.
    case unknown

    /// Within one start of the kernel its running time counts, whatever the wall clock does. Across a reboot the
    /// wall clock does, but only if it was synchronised at both ends and has not gone backwards.
    package init(saved: OutboxClockReading, now: OutboxClockReading) {
        let passed: (partialValue: Int64, overflow: Bool)
        if saved.kernelBoot == now.kernelBoot, now.kernelBoot != 0 {
            passed = now.uptimeNanoseconds.subtractingReportingOverflow(saved.uptimeNanoseconds)
        } else if saved.isSynchronised, now.isSynchronised {
            passed = now.wallNanoseconds.subtractingReportingOverflow(saved.wallNanoseconds)
        } else {
            self = .unknown
            return
        }
        self =
            passed.overflow || passed.partialValue < 0
            ? .unknown : .known(UInt64(passed.partialValue))
    }

    /// Known to be longer than this.
    func isLonger(than nanoseconds: UInt64) -> Bool {
        if case .known(let age) = self { age > nanoseconds } else { false }
    }

    /// Known not to be longer than this.
    func isWithin(_ nanoseconds: UInt64) -> Bool {
        if case .known(let age) = self { age <= nanoseconds } else { false }
    }
}
