package import SensorIO

/// Something a pipeline's thread has to say to people: it happens rarely and ends in the log.
package enum PipelineNotice: Sendable {
    /// The session with the sensors' broker changed its state.
    case sensors(MQTTSessionState)
    /// The broker answered a subscription.
    case subscription(MQTTSubscriptionEvent)
    /// The session that live alerts go out on changed its state.
    case alerts(MQTTSessionState)
    /// Messages that could not be used; at a bounded rate, the others are only counted.
    case rejected(RejectionCause, topic: String, count: UInt64, suppressed: UInt64)
    /// An alarm of an asset changed.
    case alarm(AlertTransition, asset: String, severity: Severity, score: Float)
    /// One of the agent's own alerts about this pipeline changed.
    case agentAlert(AgentAlertLabel, AlertTransition, value: Double, limit: Double)
    /// An event could not be written as configured: its topic would be invalid for this asset.
    case undeliverable(asset: String, reason: String)
    /// The lane to the outbox is full: the pipeline reads no more until there is room.
    case outboxBehind(isBehind: Bool)
    /// The windows could not be saved at the end.
    case windowsNotSaved(reason: String)
    /// A setting of the thread could not be applied.
    case scheduling(operation: String, errorNumber: Int32)
}
