internal import SensorIO

/// Members of an object, each a name that needs no escaping and a value; nil is written as `null`.
///
/// For documents of the control plane. The writers of events put names and values one by one: their values are bytes
/// and fragments that were escaped beforehand.
extension JSONWriter {
    /// Writes a member that is text.
    mutating func member(_ name: StaticString, _ text: String?) {
        key(name)
        if let text { string(text) } else { null() }
    }

    /// Writes a member that is a literal, which needs no escaping.
    mutating func member(_ name: StaticString, _ text: StaticString?) {
        key(name)
        if let text { string(text) } else { null() }
    }

    /// Writes a member that is true or false.
    mutating func member(_ name: StaticString, _ flag: Bool?) {
        key(name)
        if let flag { boolean(flag) } else { null() }
    }

    /// Writes a member that is an integer.
    mutating func member(_ name: StaticString, _ count: UInt64) {
        key(name)
        integer(count)
    }

    /// Writes a member that is an integer.
    mutating func member(_ name: StaticString, _ whole: Int64) {
        key(name)
        integer(whole)
    }

    /// Writes a member that is an integer.
    mutating func member(_ name: StaticString, _ whole: Int) { member(name, Int64(whole)) }

    /// Writes a member that is a number; NaN and infinity become `null`.
    mutating func member(_ name: StaticString, _ value: Double?) {
        key(name)
        if let value { number(value) } else { null() }
    }

    /// Writes a member that is a number; NaN and infinity become `null`.
    mutating func member(_ name: StaticString, _ value: Float?) {
        key(name)
        if let value { number(value) } else { null() }
    }

    /// Writes a member that is an array of texts.
    mutating func member(_ name: StaticString, _ texts: [String]) {
        beginArray(name)
        for text in texts { string(text) }
        endArray()
    }

    /// Writes a member that is an array of numbers; whole ones without a fraction.
    mutating func member(_ name: StaticString, _ values: [Double]) {
        beginArray(name)
        for value in values {
            if let whole = Int64(exactly: value), abs(whole) < 1 << 53 {
                integer(whole)
            } else {
                number(value)
            }
        }
        endArray()
    }

    /// Writes a member that is any value.
    mutating func member(_ name: StaticString, _ any: JSONValue?) {
        key(name)
        value(any ?? .null)
    }

    /// Writes a member that is a moment, as an RFC 3339 string in UTC.
    mutating func member(_ name: StaticString, nanosecondsSince1970 nanoseconds: Int64?) {
        key(name)
        if let nanoseconds { timestamp(nanosecondsSince1970: nanoseconds) } else { null() }
    }

    /// Writes a member that is a length of time, in milliseconds.
    mutating func member(_ name: StaticString, millisecondsOfNanoseconds nanoseconds: UInt64) {
        key(name)
        milliseconds(ofNanoseconds: nanoseconds)
    }

    /// Begins a member that is an object.
    mutating func beginObject(_ name: StaticString) {
        key(name)
        beginObject()
    }

    /// Begins a member that is an array.
    mutating func beginArray(_ name: StaticString) {
        key(name)
        beginArray()
    }
}
