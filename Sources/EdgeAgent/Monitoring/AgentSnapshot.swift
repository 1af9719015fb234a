package import SensorIO

/// How the agent stands at one moment: what `/metrics`, `/api/v1/status` and `edge-agent status` are written from.
package struct AgentSnapshot: Sendable {
    /// A pipeline, its counters and how fast they grow.
    package struct Pipeline: Sendable {
        package var status: AgentStatus.Pipeline
        package var metrics: PipelineMetrics
        package var budget: BudgetSnapshot
        /// nil: live alerts go out on the outbox's session.
        package var publishesLive: Bool
        /// Of the last half to whole minute.
        package var recent: Recent
        /// nil where there are no updates, or none was looked for yet.
        package var update: UpdateState?
        /// How long its thread has not turned.
        /// - Units: nanoseconds.
        package var silentNanoseconds: UInt64

        package var isReady: Bool {
            metrics[.sensorsConnected] == 1 && (!publishesLive || metrics[.alertsConnected] == 1)
        }
    }

    /// What has grown over a while.
    package struct Recent: Sendable {
        package var seconds: Double = 0
        package var messages: UInt64 = 0
        package var evaluations: UInt64 = 0
        package var misses: UInt64 = 0
        package var latency = HistogramSnapshot()

        package init() {}

        func rate(_ count: UInt64) -> Double { seconds > 0 ? Double(count) / seconds : 0 }
        var messagesPerSecond: Double { rate(messages) }
        var evaluationsPerSecond: Double { rate(evaluations) }
    }

    package var status: AgentStatus
    /// - Units: nanoseconds since 1970.
    package var timeNanoseconds: Int64
    package var isReady: Bool { pipelines.allSatisfy(\.isReady) }
    /// Names of the pipelines whose threads do not turn.
    package var stalled: [String]
    package var pipelines: [Pipeline]
    package var outbox: OutboxMetrics
    /// Of the uplink's own session since the start.
    package var uplinkConnections: UInt64
    /// - Units: bytes, of saved windows.
    package var stateBytesWritten: UInt64
    package var alarms: [AlarmBoard.Alarm]
    package var problems: [RecentProblems.Problem]
    /// Warnings and errors since the start.
    package var warnings: UInt64
    package var errors: UInt64
    package var http: HTTPMetrics
    package var process: ProcessUsage

    /// Seconds since the start, by the time of day.
    package var uptimeSeconds: Double {
        max(0, Double(timeNanoseconds &- status.startedAtNanoseconds) / 1e9)
    }
}
