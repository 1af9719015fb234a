internal import SensorIO

extension OutboxSettings {
    /// What the outbox is told.
    var outboxConfiguration: OutboxConfiguration {
        OutboxConfiguration(
            path: path, maximumBytes: maximumBytes,
            maximumAgeSeconds: UInt32(clamping: maximumAge.components.seconds),
            maximumMemoryBytes: maximumMemoryBytes,
            commitDelayNanoseconds: UInt64(clamping: commitDelay.wholeNanoseconds),
            window: window, drainRecordsPerSecond: drainRate,
            maximumQuarantined: maximumQuarantined, writeBudgetBytes: writeBudgetBytes)
    }
}
