/// One metric: what it is called, what it says, and how it is read out of a snapshot.
///
/// `docs/monitoring.md` is written from these. Labels are pipelines and words that stand in the code, never assets:
/// a site has thousands of them.
package struct MetricFamily: Sendable {
    package let name: String
    package let kind: MetricsWriter.Kind
    /// As OpenMetrics names it; the name ends with it.
    package let unit: String?
    package let labels: [String]
    package let help: String
    let write: @Sendable (AgentSnapshot, inout MetricsWriter) -> Void

    init(
        _ name: String, _ kind: MetricsWriter.Kind, unit: String? = nil, labels: [String] = [],
        _ help: String, write: @escaping @Sendable (AgentSnapshot, inout MetricsWriter) -> Void
    ) {
        self.name = "edge_agent_\(name)"
        self.kind = kind
        self.unit = unit
        self.labels = labels
        self.help = help
        self.write = write
    }

    /// A metric of every process, by its usual name.
    init(
        process name: String, _ kind: MetricsWriter.Kind, unit: String? = nil, _ help: String,
        write: @escaping @Sendable (AgentSnapshot, inout MetricsWriter) -> Void
    ) {
        self.name = "process_\(name)"
        self.kind = kind
        self.unit = unit
        labels = []
        self.help = help
        self.write = write
    }

    /// A number of each pipeline.
    static func perPipeline(
        _ name: String, _ kind: MetricsWriter.Kind, unit: String? = nil, _ help: String,
        value: @escaping @Sendable (AgentSnapshot.Pipeline) -> UInt64
    ) -> MetricFamily {
        MetricFamily(name, kind, unit: unit, labels: ["pipeline"], help) { snapshot, writer in
            for pipeline in snapshot.pipelines {
                writer.sample(value(pipeline), ("pipeline", pipeline.status.name))
            }
        }
    }

    /// Numbers of each pipeline, told apart by another label.
    static func perPipeline(
        _ name: String, _ kind: MetricsWriter.Kind, by label: StaticString, _ help: String,
        values: @escaping @Sendable (AgentSnapshot.Pipeline) -> [(String, UInt64)]
    ) -> MetricFamily {
        MetricFamily(name, kind, labels: ["pipeline", "\(label)"], help) { snapshot, writer in
            for pipeline in snapshot.pipelines {
                for (value, count) in values(pipeline) {
                    writer.sample(count, ("pipeline", pipeline.status.name), (label, value))
                }
            }
        }
    }

    /// A number of the whole agent.
    static func single(
        _ name: String, _ kind: MetricsWriter.Kind, unit: String? = nil, _ help: String,
        value: @escaping @Sendable (AgentSnapshot) -> Double
    ) -> MetricFamily {
        MetricFamily(name, kind, unit: unit, help) { snapshot, writer in
            writer.sample(value(snapshot))
        }
    }

    /// All of them, as text.
    package static func text(_ snapshot: AgentSnapshot, _ format: MetricsWriter.Format) -> String {
        var writer = MetricsWriter(format)
        for family in all {
            writer.begin(family)
            family.write(snapshot, &writer)
        }
        writer.finish()
        return writer.text
    }

    /// In the order of the text.
    package static let all = agent + pipelines + models + outbox + http + process
}
