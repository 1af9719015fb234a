internal import CMosquitto

/// A list of MQTT 5 properties, freed with this object.
@safe final class MosquittoProperties {
    // Proof of @safe: the list is this object's own, made and freed by the library's functions.
    private(set) var head: OpaquePointer?

    deinit {
        unsafe mosquitto_property_free_all(&head)
    }

    func add(_ property: mqtt5_property, _ value: UInt32) -> Int32 {
        unsafe mosquitto_property_add_int32(&head, Int32(property.rawValue), value)
    }

    func add(correlation: [UInt8]) -> Int32 {
        guard let count = UInt16(exactly: correlation.count) else {
            return Int32(MOSQ_ERR_INVAL.rawValue)
        }
        return unsafe mosquitto_property_add_binary(
            &head, Int32(MQTT_PROP_CORRELATION_DATA.rawValue), correlation, count)
    }

    /// Adds nothing for no content type.
    func add(_ contentType: MQTTContentType) -> Int32 {
        if contentType == .none { return 0 }
        return unsafe mosquitto_property_add_string(
            &head, Int32(MQTT_PROP_CONTENT_TYPE.rawValue), contentType.text)
    }

    /// Forgets the list: someone else frees it.
    func giveUp() {
        unsafe head = nil
    }
}
