/// What is answered about the agent as a whole.
enum MonitoringRoutes {
    static func all(_ view: AgentView) -> [HTTPRoute] {
        [
            HTTPRoute(.exact("/metrics")) { request in
                let format = MetricsWriter.Format(accept: request.accept)
                return .bytes(
                    status: 200, contentType: format.contentType,
                    body: Array(MetricFamily.text(view.snapshot(), format).utf8))
            },
            HTTPRoute(.exact("/api/v1/status")) { _ in
                .bytes(
                    status: 200, contentType: "application/json",
                    body: StatusReport.json(view.snapshot()))
            },
            // These two say so little that anybody may know it.
            HTTPRoute(.exact("/healthz"), requiresToken: false) { _ in
                view.stalled.isEmpty
                    ? .text(200, "alive") : .text(503, "a pipeline's thread does not turn")
            },
            HTTPRoute(.exact("/readyz"), requiresToken: false) { _ in
                view.waiting.isEmpty ? .text(200, "ready") : .text(503, "a broker is waited for")
            },
        ]
    }
}
