internal import SensorIO

// One sample, or a few, for each pipeline.
extension MetricFamily {
    static let pipelines: [MetricFamily] = [
        perPipeline("messages_total", .counter, "MQTT messages that arrived.") {
            $0.metrics[.messages]
        },
        perPipeline("payload_bytes_total", .counter, unit: "bytes", "Bytes of their payloads.") {
            $0.metrics[.payloadBytes]
        },
        perPipeline(
            "ignored_messages_total", .counter, by: "cause",
            "Messages that were left alone: on a topic that no filter matches, or retained without a time of their own."
        ) {
            [
                ("unrouted", $0.metrics[.unroutedMessages]),
                ("retained", $0.metrics[.retainedIgnored]),
            ]
        },
        perPipeline(
            "rejected_total", .counter, by: "cause", "Messages or samples that could not be used."
        ) { pipeline in
            RejectionCause.allCases.map { ($0.name, pipeline.metrics[$0]) }
        },
        perPipeline("samples_total", .counter, "Samples that became part of a window.") {
            $0.metrics[.samples]
        },
        perPipeline(
            "dropped_samples_total", .counter, by: "cause", "Samples that no window could take."
        ) {
            [
                ("outOfOrder", $0.metrics[.outOfOrderSamples]),
                ("duplicate", $0.metrics[.duplicateSamples]),
                ("incompleteRow", $0.metrics[.incompleteRows]),
            ]
        },
        perPipeline("assets", .gauge, "Assets that have a window.") { $0.metrics[.assets] },
        perPipeline("evaluations_total", .counter, "Windows that were evaluated.") {
            $0.budget.evaluations
        },
        perPipeline(
            "fallback_evaluations_total", .counter,
            "Of these, windows that the fallback rule decided."
        ) {
            $0.budget.fallbackEvaluations
        },
        perPipeline("failed_evaluations_total", .counter, "Evaluations whose score was no number.")
        {
            $0.metrics[.failedEvaluations]
        },
        perPipeline(
            "skipped_windows_total", .counter, by: "cause", "Windows that were left out."
        ) {
            [
                ("coalesced", $0.budget.coalesced), ("dropped", $0.budget.dropped),
                ("superseded", $0.budget.superseded),
            ]
        },
        MetricFamily(
            "latency_seconds", .histogram, unit: "seconds", labels: ["pipeline"],
            "From a reading that was readable on the socket to the alert handed to the kernel, of each evaluation."
        ) { snapshot, writer in
            for pipeline in snapshot.pipelines {
                writer.sample(pipeline.budget.total, ("pipeline", pipeline.status.name))
            }
        },
        MetricFamily(
            "stage_latency_seconds", .histogram, unit: "seconds", labels: ["pipeline", "stage"],
            "The same by stage."
        ) { snapshot, writer in
            for pipeline in snapshot.pipelines {
                for stage in Stage.allCases {
                    writer.sample(
                        pipeline.budget.histogram(stage), ("pipeline", pipeline.status.name),
                        ("stage", "\(stage.name)"))
                }
            }
        },
        MetricFamily(
            "budget_seconds", .gauge, unit: "seconds", labels: ["pipeline"], "The latency budget."
        ) { snapshot, writer in
            for pipeline in snapshot.pipelines {
                writer.sample(
                    Double(pipeline.budget.budgetNanoseconds) / 1e9,
                    ("pipeline", pipeline.status.name))
            }
        },
        perPipeline("budget_misses_total", .counter, by: "cause", "Windows that missed the budget.")
        {
            pipeline in
            MissCause.allCases.map { ("\($0.name)", pipeline.budget.misses($0)) }
        },
        perPipeline("budget_exceeded", .gauge, "1 while latency-budget-exceeded is raised.") {
            $0.budget.phase == .holding ? 0 : 1
        },
        perPipeline("alerts_total", .counter, by: "transition", "Alerts that were published.") {
            [("raised", $0.metrics[.alertsRaised]), ("cleared", $0.metrics[.alertsCleared])]
        },
        perPipeline("alarms_raised", .gauge, "Assets whose alarm is raised.") {
            $0.metrics[.alarmsRaised]
        },
        perPipeline("predictions_total", .counter, "Predictions that were published.") {
            $0.metrics[.predictions]
        },
        perPipeline(
            "published_records_total", .counter, by: "by",
            "Records by who published them: the pipeline at once, or the outbox."
        ) {
            [
                ("pipeline", $0.metrics[.publishedLive]),
                ("outbox", $0.metrics[.publishedByOutbox]),
            ]
        },
        perPipeline(
            "unsent_records_total", .counter, by: "cause",
            "Predictions of QoS 0 without a connection, and events that could not be written or submitted."
        ) {
            [
                ("notConnected", $0.metrics[.unsentPredictions]),
                ("undeliverable", $0.metrics[.undeliverableEvents]),
            ]
        },
        perPipeline(
            "mqtt_connected", .gauge, by: "session",
            "1 while the session is ready; sensors: with every subscription granted."
        ) { pipeline in
            [("sensors", pipeline.metrics[.sensorsConnected])]
                + (pipeline.publishesLive ? [("alerts", pipeline.metrics[.alertsConnected])] : [])
        },
        perPipeline(
            "mqtt_connections_total", .counter, by: "session",
            "Connections: the first, and reconnects."
        ) { pipeline in
            [("sensors", pipeline.metrics[.sensorConnections])]
                + (pipeline.publishesLive ? [("alerts", pipeline.metrics[.alertConnections])] : [])
        },
        perPipeline("turns_total", .counter, "Turns of the thread's loop, at least one a second.") {
            $0.metrics[.turns]
        },
        MetricFamily(
            "stalled", .gauge, labels: ["pipeline"], "1 while the thread does not turn."
        ) { snapshot, writer in
            for pipeline in snapshot.pipelines {
                let name = pipeline.status.name
                writer.sample(snapshot.stalled.contains(name), ("pipeline", name))
            }
        },
    ]

    static let models: [MetricFamily] = [
        MetricFamily(
            "model_info", .info, labels: ["pipeline", "model", "version", "digest"],
            "The model that decides."
        ) { snapshot, writer in
            for pipeline in snapshot.pipelines {
                let status = pipeline.status
                writer.sample(
                    1 as UInt64, ("pipeline", status.name), ("model", status.bundle),
                    ("version", status.version), ("digest", status.digest))
            }
        },
        perPipeline(
            "model_update_phase", .gauge, by: "phase",
            "1 for how far a new version of the model has come; idle: there is none."
        ) { pipeline in
            let phase = pipeline.update?.candidate?.phase
            return [("idle", phase == nil ? 1 : 0)]
                + UpdateState.Phase.allCases.map { ($0.rawValue, phase == $0 ? 1 : 0) }
        },
        perPipeline("model_held", .gauge, "1 while the model is held or pinned.") {
            $0.update.map { $0.isHeld || $0.pin != nil } == true ? 1 : 0
        },
        perPipeline("model_refused_versions", .gauge, "Versions that were refused, of the last 32.")
        {
            UInt64($0.update?.refused.count ?? 0)
        },
    ]
}
