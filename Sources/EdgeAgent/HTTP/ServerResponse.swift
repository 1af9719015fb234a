/// A field of a message's head.
package struct HTTPField: Sendable, Equatable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// What a route answers.
package enum ServerResponse: Sendable {
    /// - Parameter headers: beside those that every answer has; may replace `Cache-Control`.
    case bytes(status: Int, contentType: String, headers: [HTTPField] = [], body: [UInt8])
    /// Server-sent events: the closure is given the stream once, and keeps it as long as it has something to say.
    case events(@Sendable (EventStream) -> Void)

    /// A line of text.
    package static func text(_ status: Int, _ text: String, headers: [HTTPField] = [])
        -> ServerResponse
    {
        .bytes(
            status: status, contentType: "text/plain; charset=utf-8", headers: headers,
            body: Array("\(text)\n".utf8))
    }
}
