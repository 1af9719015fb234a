internal import SensorIO

/// The line that `systemctl status` shows: what runs, or what is waited for.
struct ServiceStatus {
    /// A pipeline as it is at the moment.
    struct Pipeline {
        var name: String
        /// `pump-condition 1.4.0`
        var model: String
        var isReady: Bool
        /// `plant (127.0.0.1:1883)`
        var broker: String
        var assets: UInt64 = 0
        var alarms: UInt64 = 0
    }

    var pipelines: [Pipeline]
    var outbox = OutboxMetrics()

    var line: String {
        let waiting = pipelines.filter { !$0.isReady }
        var parts: [String] = []
        if waiting.isEmpty {
            let names = pipelines.map { "\($0.name) (\($0.model))" }
            parts.append("running \(names.joined(separator: ", "))")
        } else {
            // Each broker once, in the order of the pipelines.
            var brokers: [String] = []
            for one in waiting where !brokers.contains(one.broker) { brokers.append(one.broker) }
            let lacking = brokers.map { broker in
                let names = waiting.filter { $0.broker == broker }.map(\.name)
                return "\(broker) for \(names.joined(separator: ", "))"
            }
            parts.append("waiting for \(lacking.joined(separator: " and "))")
        }
        let assets = pipelines.reduce(0) { $0 &+ $1.assets }
        let alarms = pipelines.reduce(0) { $0 &+ $1.alarms }
        parts.append("\(Self.count(assets, "asset")), \(Self.count(alarms, "alarm")) raised")
        if outbox.depth > 0 {
            parts.append(
                "\(Self.count(UInt64(outbox.depth), "record")) in the outbox"
                    + (outbox.isUplinkConnected ? "" : ", the uplink is away"))
        } else if !outbox.isUplinkConnected {
            parts.append("the uplink is away")
        }
        if !outbox.isDiskWritable { parts.append("the disk cannot be written") }
        return parts.joined(separator: "; ")
    }

    private static func count(_ number: UInt64, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}
