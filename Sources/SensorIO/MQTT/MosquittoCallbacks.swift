internal import CMosquitto
internal import Glibc

// The functions that libmosquitto calls. Each gets the connection as an unretained pointer.
// Proof for every `unsafe` here: `userdata` is the MosquittoConnection that owns the handle, set in its
// init and alive until after `mosquitto_destroy`; the other pointers are the library's, for this call.

private func connection(_ userdata: UnsafeMutableRawPointer?) -> MosquittoConnection? {
    guard let userdata = unsafe userdata else { return nil }
    return unsafe Unmanaged<MosquittoConnection>.fromOpaque(userdata).takeUnretainedValue()
}

func mosquittoDidLog(
    _: OpaquePointer?, _ userdata: UnsafeMutableRawPointer?, _ level: Int32,
    _ text: UnsafePointer<CChar>?
) {
    guard level & Int32(MOSQ_LOG_ERR | MOSQ_LOG_WARNING) != 0, let text = unsafe text else {
        return
    }
    unsafe connection(userdata)?.log.append(String(cString: text))
}

func mosquittoDidConnect(
    _: OpaquePointer?, _ userdata: UnsafeMutableRawPointer?, _ reason: Int32, _ flags: Int32,
    _ properties: OpaquePointer?
) {
    guard let session = unsafe connection(userdata)?.session else { return }
    var limits = MQTTServerLimits()
    var short: UInt16 = 0
    var long: UInt32 = 0
    if unsafe mosquitto_property_read_int16(
        properties, Int32(MQTT_PROP_RECEIVE_MAXIMUM.rawValue), &short, false) != nil
    {
        limits.receiveMaximum = Int(short)
    }
    if unsafe mosquitto_property_read_int16(
        properties, Int32(MQTT_PROP_SERVER_KEEP_ALIVE.rawValue), &short, false) != nil
    {
        limits.keepAliveSeconds = UInt64(short)
    }
    if unsafe mosquitto_property_read_int32(
        properties, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue), &long, false) != nil
    {
        limits.packetBytes = Int(long)
    }
    var reasonString: String?
    if reason != 0 {
        var text: UnsafeMutablePointer<CChar>?
        if unsafe mosquitto_property_read_string(
            properties, Int32(MQTT_PROP_REASON_STRING.rawValue), &text, false) != nil,
            let text = unsafe text
        {
            unsafe reasonString = String(cString: text)
            unsafe free(text)
        }
    }
    session.didReceiveConnack(
        code: UInt8(truncatingIfNeeded: reason), isSessionPresent: flags & 1 != 0, limits: limits,
        reasonString: reasonString)
}

func mosquittoDidDisconnect(
    _: OpaquePointer?, _ userdata: UnsafeMutableRawPointer?, _ code: Int32, _: OpaquePointer?
) {
    // The library calls twice after a DISCONNECT of the broker; the first one says why.
    guard let connection = unsafe connection(userdata), connection.disconnectCode == nil else {
        return
    }
    connection.disconnectCode = code
}

func mosquittoDidReceive(
    _: OpaquePointer?, _ userdata: UnsafeMutableRawPointer?,
    _ message: UnsafePointer<mosquitto_message>?
) {
    guard let connection = unsafe connection(userdata), let session = unsafe connection.session,
        let message = unsafe message, let topic = unsafe message.pointee.topic
    else { return }
    // Its PUBACK.
    if unsafe message.pointee.qos > 0 { connection.queuedPackets += 1 }
    session.didReceive(unsafe view(message, topic))
}

/// In place of `mosquittoDidReceive` for a session that takes requests.
func mosquittoDidReceiveRequest(
    _: OpaquePointer?, _ userdata: UnsafeMutableRawPointer?,
    _ message: UnsafePointer<mosquitto_message>?, _ properties: OpaquePointer?
) {
    guard let session = unsafe connection(userdata)?.session, let message = unsafe message,
        let topic = unsafe message.pointee.topic
    else { return }
    var origin = MQTTRequestOrigin()
    var text: UnsafeMutablePointer<CChar>?
    if unsafe mosquitto_property_read_string(
        properties, Int32(MQTT_PROP_RESPONSE_TOPIC.rawValue), &text, false) != nil,
        let text = unsafe text
    {
        unsafe origin.responseTopic = String(cString: text)
        unsafe free(text)
    }
    var bytes: UnsafeMutableRawPointer?
    var count: UInt16 = 0
    if unsafe mosquitto_property_read_binary(
        properties, Int32(MQTT_PROP_CORRELATION_DATA.rawValue), &bytes, &count, false) != nil
    {
        unsafe origin.correlation = Array(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
        unsafe free(bytes)
    }
    session.didReceive(unsafe view(message, topic), from: origin)
}

private func view(
    _ message: UnsafePointer<mosquitto_message>, _ topic: UnsafeMutablePointer<CChar>
) -> MQTTMessage {
    unsafe MQTTMessage(
        topic: UnsafeRawBufferPointer(start: topic, count: strlen(topic)),
        payload: UnsafeRawBufferPointer(
            start: message.pointee.payload, count: Int(max(0, message.pointee.payloadlen))),
        qualityOfService: message.pointee.qos == 0 ? .atMostOnce : .atLeastOnce,
        isRetained: message.pointee.retain)
}

func mosquittoDidPublish(
    _: OpaquePointer?, _ userdata: UnsafeMutableRawPointer?, _ messageIdentifier: Int32,
    _ reason: Int32, _: OpaquePointer?
) {
    unsafe connection(userdata)?.session?.didPublish(
        messageIdentifier: messageIdentifier,
        reason: MQTTReasonCode(rawValue: UInt8(truncatingIfNeeded: reason)))
}

func mosquittoDidSubscribe(
    _: OpaquePointer?, _ userdata: UnsafeMutableRawPointer?, _ messageIdentifier: Int32,
    _ count: Int32, _ granted: UnsafePointer<Int32>?, _: OpaquePointer?
) {
    guard count > 0, let granted = unsafe granted else { return }
    // Each of our SUBSCRIBE packets carries one filter.
    unsafe connection(userdata)?.session?.didReceiveSuback(
        messageIdentifier: messageIdentifier,
        code: MQTTReasonCode(rawValue: UInt8(truncatingIfNeeded: granted[0])))
}

/// Asked for the passphrase of a key: there is none. Without this OpenSSL would ask the terminal.
func mosquittoWantsPassphrase(
    _: UnsafeMutablePointer<CChar>?, _: Int32, _: Int32, _: UnsafeMutableRawPointer?
) -> Int32 { 0 }

/// What a broker said in its CONNACK about itself.
struct MQTTServerLimits {
    /// How many QoS 1 messages it takes before it has sent a PUBACK.
    var receiveMaximum = 65_535
    /// The largest packet it takes; without a word of its own what MQTT can express.
    var packetBytes = 268_435_460
    /// The keep alive interval that it wants instead of ours.
    var keepAliveSeconds: UInt64?
}
