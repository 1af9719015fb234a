package import SensorIO

/// What the status page shows: the counters of the threads, which anybody may read.
package struct PageSources: Sendable {
    package struct Pipeline: Sendable {
        package var name: String
        package var budgetNanoseconds: UInt64
        package var publishesLive: Bool
        package var metrics: PipelineMetrics
        package var budget: BudgetMetrics
        package var history: AssetHistory
    }

    package var pipelines: [Pipeline]
    package var status: @Sendable () -> AgentStatus
    package var clock: @Sendable () -> ClockState
    package var outbox: @Sendable () -> OutboxMetrics
    /// Where updates keep their state; nil: there are no updates.
    package var updates: UpdatePaths?

    /// The pipeline of a name, or the first.
    func pipeline(_ name: String?) -> Pipeline? {
        guard let name, !name.isEmpty else { return pipelines.first }
        return pipelines.first { $0.name == name }
    }
}
