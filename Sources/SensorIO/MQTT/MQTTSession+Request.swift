/// Where the answer to a request goes.
///
/// - Source: MQTT Version 5.0, section 4.10.
package struct MQTTRequestOrigin: Sendable, Equatable {
    /// As it came: it may be a topic to which nobody may publish.
    package var responseTopic: String?
    /// What tells the asker which of its requests is answered: any bytes, at most 65 535.
    package var correlation: [UInt8]?

    package init(responseTopic: String? = nil, correlation: [UInt8]? = nil) {
        self.responseTopic = responseTopic
        self.correlation = correlation
    }
}

extension MQTTSession {
    /// Answers a request, at QoS 1 and not retained. For the control plane: it allocates.
    ///
    /// - Parameters:
    ///   - topic: the request's response topic, checked by the caller.
    ///   - payload: JSON.
    ///   - expirySeconds: for so long the broker keeps it for a subscriber that is away. - Range: 1...
    /// - Returns: as of a publish; on anything but ``PublishOutcome/sent(messageIdentifier:)`` nothing was kept.
    package func respond(
        topic: String, payload: [UInt8], correlation: [UInt8]?, expirySeconds: UInt32
    ) -> PublishOutcome {
        guard isAccepted, let connection, connection.socket >= 0 else { return .notConnected }
        guard inFlightCount < sendWindow else { return .windowFull }
        let packetBytes = Self.packetBytes(
            topicBytes: topic.utf8.count, payloadBytes: payload.count, isAcknowledged: true,
            version: endpoint.protocolVersion, contentType: .json, hasExpiry: true,
            correlationBytes: correlation?.count)
        guard packetBytes <= limits.packetBytes else {
            return .tooLarge(packetBytes: packetBytes, limitBytes: limits.packetBytes)
        }
        var identifier: Int32 = 0
        let code = connection.respond(
            topic: topic, payload: payload, correlation: correlation,
            expirySeconds: expirySeconds, messageIdentifier: &identifier)
        guard code == 0 else {
            return .refused(MQTTError(libraryCode: code, errorNumber: 0))
        }
        inFlightCount += 1
        return .sent(messageIdentifier: identifier)
    }

    func didReceive(_ message: borrowing MQTTMessage, from origin: MQTTRequestOrigin) {
        handled += 1
        onRequest?(message, origin)
    }
}
