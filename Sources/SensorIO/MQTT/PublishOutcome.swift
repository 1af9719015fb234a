/// What became of a message that was handed to ``MQTTSession/publish(topic:payload:qualityOfService:isRetained:contentType:messageExpirySeconds:)``.
package enum PublishOutcome: Sendable, Equatable {
    /// With the library, and on its way with the next write. A QoS 1 message is delivered when its PUBACK
    /// comes, which carries this identifier; identifiers are forgotten with the connection.
    case sent(messageIdentifier: Int32)
    /// There is no connection: nothing was kept, the caller still has it.
    case notConnected
    /// As many QoS 1 messages as allowed wait for their PUBACK: try again after the next one.
    case windowFull
    /// The broker takes no packet of this size.
    case tooLarge(packetBytes: Int, limitBytes: Int)
    /// The broker or the library cannot take it as it is: wrong topic, QoS or no memory.
    case refused(MQTTError)
}

/// Where a session stands.
package enum MQTTSessionState: Sendable, Equatable {
    /// Made, not started.
    case idle
    /// A connection is being made.
    case connecting
    /// The broker accepted. `sessionPresent`: it still had the session, with what came meanwhile.
    case connected(sessionPresent: Bool)
    /// No connection, and why; the next attempt starts after the given time. Everything in flight is
    /// forgotten: what had no PUBACK is the caller's again.
    case disconnected(MQTTError, retryInNanoseconds: UInt64)
    /// Stopped for good.
    case stopped
}

/// What a broker said to a subscription.
package enum MQTTSubscriptionEvent: Sendable, Equatable {
    /// Accepted, with this QoS; it may be lower than asked for.
    case granted(MQTTSubscription, MQTTQualityOfService)
    /// Refused; it is asked for again after the given time.
    case refused(MQTTSubscription, MQTTError, retryInNanoseconds: UInt64)
}
