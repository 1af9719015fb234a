internal import Glibc

extension MQTTSession {
    /// Hands a message to the library, if there is a connection and room; it leaves with the next
    /// ``flush()`` or at the end of the current service.
    ///
    /// - Parameters:
    ///   - topic: ends with NUL; no wildcards.
    ///   - contentType: announced by MQTT 5, left out by 3.1.1.
    ///   - messageExpirySeconds: the broker drops the message when nobody took it for so long; 0 is never.
    ///     MQTT 5 only. A value that stays the same from message to message costs nothing.
    /// - Returns: what became of it; on anything but ``PublishOutcome/sent(messageIdentifier:)`` nothing was kept.
    package func publish(
        topic: UnsafePointer<CChar>, payload: UnsafeRawBufferPointer,
        qualityOfService: MQTTQualityOfService, isRetained: Bool = false,
        contentType: MQTTContentType = .none, messageExpirySeconds: UInt32 = 0
    ) -> PublishOutcome {
        guard isAccepted, let connection, connection.socket >= 0 else { return .notConnected }
        let isAcknowledged = qualityOfService == .atLeastOnce
        if isAcknowledged, inFlightCount >= sendWindow { return .windowFull }
        let packetBytes = Self.packetBytes(
            topicBytes: unsafe strlen(topic), payloadBytes: payload.count,
            isAcknowledged: isAcknowledged, version: endpoint.protocolVersion,
            contentType: contentType, hasExpiry: messageExpirySeconds > 0)
        guard packetBytes <= limits.packetBytes else {
            return .tooLarge(packetBytes: packetBytes, limitBytes: limits.packetBytes)
        }
        var identifier: Int32 = 0
        let code = unsafe connection.publish(
            topic: topic, payload: payload, qualityOfService: qualityOfService.rawValue,
            isRetained: isRetained, contentType: contentType,
            messageExpirySeconds: messageExpirySeconds, messageIdentifier: &identifier)
        guard code == 0 else {
            return .refused(MQTTError(libraryCode: code, errorNumber: 0))
        }
        if isAcknowledged { inFlightCount += 1 }
        return .sent(messageIdentifier: identifier)
    }

    /// Whether something waits for ``flush()``, or for room in the kernel after one.
    package var hasUnwritten: Bool { connection?.wantsWrite ?? false }

    /// Whether so many QoS 1 messages more may wait for their PUBACK, or none waits.
    package func hasRoom(for count: Int) -> Bool {
        inFlightCount == 0 || inFlightCount + count <= sendWindow
    }

    /// How many QoS 1 messages may wait for their PUBACK: ours and the broker's limit, the lower one.
    package var sendWindow: Int {
        max(1, min(Int(endpoint.sendMaximum), limits.receiveMaximum))
    }

    /// The size of a PUBLISH packet. libmosquitto 2.0.11 compares without the first byte, and keeps a message
    /// that it finds too large only when sending: so the comparison is ours.
    ///
    /// - Source: MQTT Version 5.0, sections 2.1.4, 3.1.2.11.4 and 3.3.
    static func packetBytes(
        topicBytes: Int, payloadBytes: Int, isAcknowledged: Bool, version: MQTTProtocolVersion,
        contentType: MQTTContentType, hasExpiry: Bool, correlationBytes: Int? = nil
    ) -> Int {
        var length = 2 + topicBytes + payloadBytes + (isAcknowledged ? 2 : 0)
        if version == .v5 {
            let text = contentType.text.utf8.count
            let properties =
                (text > 0 ? 3 + text : 0) + (hasExpiry ? 5 : 0)
                + (correlationBytes.map { 3 + $0 } ?? 0)
            length += variableIntegerBytes(properties) + properties
        }
        return 1 + variableIntegerBytes(length) + length
    }

    private static func variableIntegerBytes(_ value: Int) -> Int {
        value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
    }
}
