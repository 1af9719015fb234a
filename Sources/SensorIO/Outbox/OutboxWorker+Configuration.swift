internal import Synchronization

// What a running outbox is told anew.
extension OutboxWorker {
    /// Takes limits that have changed since the start; the path and the window of PUBACKs stay.
    func takeConfiguration() {
        let fresh = shared.state.withLock { state in
            defer { state.configuration = nil }
            return state.configuration
        }
        guard var fresh else { return }
        fresh.path = configuration.path
        fresh.window = configuration.window
        if fresh.writeBudgetBytes != configuration.writeBudgetBytes {
            writeBudget.budgetBytes = fresh.writeBudgetBytes
        }
        configuration = fresh
        core.limits = OutboxCore.Limits(fresh)
        store?.maximumBytes = fresh.maximumBytes
        store?.maximumQuarantined = fresh.maximumQuarantined
        // Its bounds hold from the next look on, which is due now.
        needsUpkeep = true
        ageCheckedAt = 0
    }
}

extension OutboxCore.Limits {
    init(_ configuration: OutboxConfiguration) {
        window = configuration.window
        commitDelay = configuration.commitDelayNanoseconds
        maximumAttempts = configuration.maximumAttempts
        retry = configuration.retryNanoseconds
        maximumMemoryBytes = configuration.maximumMemoryBytes
        maximumAge = Int64(configuration.maximumAgeSeconds) * 1_000_000_000
        drainRecordsPerSecond = configuration.drainRecordsPerSecond
        diskRetry = configuration.diskRetryNanoseconds
    }
}
