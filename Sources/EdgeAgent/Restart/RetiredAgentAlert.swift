internal import SensorIO

/// One of the agent's own alerts that an earlier start has left raised, as the outbox keeps it.
struct RetiredAgentAlert {
    var label: AgentAlertLabel
    var raised: AgentAlertStates.Raised

    /// Key: zero (no topic has it, so no asset's key does) and the label. Then time UInt64, boot UInt64,
    /// sequence UInt64; nothing of one that has ended.
    private static let byteCount = 26

    /// - Returns: how many bytes there are after the key's two.
    private static func write(_ alert: AgentAlert, to buffer: UnsafeMutableRawBufferPointer) -> Int
    {
        unsafe buffer[0] = 0
        unsafe buffer[1] = alert.label.rawValue
        guard alert.transition != .cleared else { return 0 }
        unsafe buffer.storeBytes(
            of: alert.raisedAtNanoseconds.littleEndian, toByteOffset: 2, as: Int64.self)
        unsafe buffer.storeBytes(
            of: alert.raisedBy.boot.littleEndian, toByteOffset: 10, as: UInt64.self)
        unsafe buffer.storeBytes(
            of: alert.raisedBy.sequence.littleEndian, toByteOffset: 18, as: UInt64.self)
        return 24
    }

    /// nil if it is another kind of state.
    init?(_ kept: OutboxKept) {
        guard kept.key.count == 2, kept.key[0] == 0, kept.bytes.count == 24,
            let label = AgentAlertLabel(rawValue: kept.key[1])
        else { return nil }
        self.label = label
        raised = unsafe kept.bytes.withUnsafeBytes { raw in
            // The count was checked.
            unsafe AgentAlertStates.Raised(
                atNanoseconds: Int64(littleEndian: raw.loadUnaligned(as: Int64.self)),
                by: EventReference(
                    boot: UInt64(
                        littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                    sequence: UInt64(
                        littleEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self))))
        }
    }

    /// Gives the key and the bytes to keep to `body`: how the alert stands now.
    static func withBytes(
        _ alert: AgentAlert, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void
    ) {
        unsafe withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 8) { buffer in
            let count = unsafe write(alert, to: buffer)
            let bytes = UnsafeRawBufferPointer(buffer)
            unsafe body(
                UnsafeRawBufferPointer(rebasing: bytes[..<2]),
                UnsafeRawBufferPointer(rebasing: bytes[2..<2 + count]))
        }
    }
}
