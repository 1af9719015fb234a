/// What the library said to its log callback about errors, bounded.
struct MosquittoLog {
    /// Longest text that is kept; a chain of OpenSSL errors is about 300 bytes.
    static let maximumBytes = 600
    private(set) var text = ""

    mutating func append(_ line: String) {
        guard !line.isEmpty, text.utf8.count + line.utf8.count + 2 <= Self.maximumBytes else {
            return
        }
        if !text.isEmpty { text += "; " }
        text += line
    }

    mutating func removeAll() { text = "" }
}
