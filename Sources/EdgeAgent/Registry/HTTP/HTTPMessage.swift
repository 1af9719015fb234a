/// One request.
struct HTTPRequest: Sendable {
    enum Method: String, Sendable {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case put = "PUT"
    }

    var method = Method.get
    var url: HTTPURL
    var headers: [(name: String, value: String)] = []
    /// Sent with POST and PUT.
    var body: [UInt8] = []
    /// nil: only a stall ends it.
    var timeout: Duration?
}

/// The head of an answer.
struct HTTPHead: Sendable {
    let status: Int
    /// Names in lower case, in the order of the answer.
    let fields: [(name: String, value: String)]

    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    func all(_ name: String) -> [String] {
        fields.filter { $0.name == name }.map(\.value)
    }

    var isSuccess: Bool { (200...299).contains(status) }

    /// The whole body's length as `Content-Length` says it.
    var contentLength: UInt64? { self["content-length"].flatMap { UInt64($0) } }
}

/// Takes the body of a successful answer.
protocol HTTPReceiver: AnyObject {
    /// Called once, before the first byte; for a body of no bytes after the head.
    func begin(_ head: HTTPHead) throws(RegistryError)
    func receive(_ bytes: UnsafeRawBufferPointer) throws(RegistryError)
}

/// Keeps a body in memory, up to a bound.
final class DocumentReceiver: HTTPReceiver {
    private(set) var bytes: [UInt8] = []
    private let maximumBytes: Int
    private let what: String

    /// - Parameter what: names the document in an error.
    init(_ what: String, maximumBytes: Int = 4 << 20) {
        self.what = what
        self.maximumBytes = maximumBytes
    }

    func begin(_ head: HTTPHead) throws(RegistryError) { bytes.removeAll() }

    func receive(_ more: UnsafeRawBufferPointer) throws(RegistryError) {
        guard more.count <= maximumBytes - bytes.count else {
            throw RegistryError(
                .tooLarge, "\(what): more than the \(maximumBytes) bytes that are read")
        }
        unsafe bytes.append(contentsOf: more)
    }
}

/// What came of one exchange.
struct HTTPAnswer {
    var head: HTTPHead
    /// Where it came from, after redirects.
    var url: HTTPURL
    /// The start of the body of an answer that is no success.
    var errorText: String
}
