internal import SensorIO

extension JSONWriter {
    /// Writes a whole value. Not for the hot path.
    mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let bool): boolean(bool)
        case .integer(let whole): integer(whole)
        case .number(let fraction): number(fraction)
        case .string(let text): string(text)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let members):
            beginObject()
            for member in members {
                key(member.key)
                self.value(member.value)
            }
            endObject()
        }
    }
}
