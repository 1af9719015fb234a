extension JSONWriter {
    /// Opens a CloudEvents 1.0 event (JSON event format) up to its `type`.
    mutating func beginCloudEvent(
        _ identity: EventIdentity, type: StaticString, sequence: UInt64
    ) {
        beginObject()
        key("specversion")
        string("1.0")
        key("id")
        eventIdentifier(identity, boot: identity.boot, sequence: sequence)
        key("source")
        fragment(identity.source)
        key("type")
        string(type)
    }

    /// Writes the rest of the context attributes and opens `data`.
    mutating func beginCloudEventData(timeNanoseconds: Int64) {
        key("time")
        timestamp(nanosecondsSince1970: timeNanoseconds)
        key("datacontenttype")
        string("application/json")
        key("data")
        beginObject()
    }

    /// Writes `historical` and `clock`, closes `data` and the event.
    ///
    /// - Returns: the offset of the token `false` of `historical`.
    mutating func endCloudEvent(clock: ClockState) -> Int {
        key("historical")
        let offset = position
        boolean(false)
        key("clock")
        string(clock.name)
        endObject()
        endObject()
        return offset
    }

    /// Writes `"<agent>/<boot>/<sequence>"`.
    mutating func eventIdentifier(_ identity: EventIdentity, boot: UInt64, sequence: UInt64) {
        openString(identity.agentPrefix)
        digits(boot)
        append(0x2F)
        digits(sequence)
        append(0x22)
        endValue()
    }
}
