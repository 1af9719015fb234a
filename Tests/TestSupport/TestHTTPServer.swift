import Foundation

/// A web server on loopback whose answers a test writes; one request a connection.
public final class TestHTTPServer: Sendable {
    /// One request.
    public struct Request: Sendable, CustomStringConvertible {
        public var method = ""
        /// Path and query.
        public var target = ""
        /// Names in lower case.
        public var headers: [String: String] = [:]
        public var body: [UInt8] = []

        public var description: String { "\(method) \(target)" }
    }

    /// An answer.
    public struct Response: Sendable {
        public var status = 200
        public var headers: [String: String] = [:]
        public var body: [UInt8] = []
        /// Sent as it is instead of the rest.
        public var raw: (@Sendable (ScriptedServer.Connection) -> Void)?

        public init(_ status: Int = 200, _ headers: [String: String] = [:], body: [UInt8] = []) {
            self.status = status
            self.headers = headers
            self.body = body
        }

        public static func text(
            _ text: String, status: Int = 200, _ headers: [String: String] = [:]
        ) -> Response {
            Response(status, headers, body: Array(text.utf8))
        }

        public static func raw(
            _ write: @escaping @Sendable (ScriptedServer.Connection) -> Void
        ) -> Response {
            var response = Response()
            response.raw = write
            return response
        }
    }

    /// What was asked so far.
    public let requests = EventLog<Request>()
    private let server: ScriptedServer

    public var port: UInt16 { server.port }
    public var url: String { "http://127.0.0.1:\(port)" }

    public init(_ answer: @escaping @Sendable (Request) -> Response) throws {
        let requests = requests
        server = try ScriptedServer { connection in
            guard let request = Self.read(connection) else { return }
            requests.append(request)
            let response = answer(request)
            if let raw = response.raw { return raw(connection) }
            var head = "HTTP/1.1 \(response.status) Text\r\nConnection: close\r\n"
            if response.status != 304 { head += "Content-Length: \(response.body.count)\r\n" }
            for (name, value) in response.headers { head += "\(name): \(value)\r\n" }
            connection.write(Array("\(head)\r\n".utf8))
            if request.method != "HEAD" { connection.write(response.body) }
        }
    }

    /// Serves the files of a directory, with ranges and ETags.
    public static func files(_ directory: String) throws -> TestHTTPServer {
        try TestHTTPServer { file(directory, $0) }
    }

    /// The answer of a file server.
    public static func file(_ directory: String, _ request: Request) -> Response {
        let path = directory + (request.target.removingPercentEncoding ?? "")
        guard let data = FileManager.default.contents(atPath: path) else {
            return .text("not found", status: 404)
        }
        var hash: UInt64 = 14_695_981_039_346_656_037
        for byte in data { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
        let tag = "\"\(hash)\""
        if request.headers["if-none-match"] == tag { return Response(304, ["ETag": tag]) }
        if let range = request.headers["range"],
            let first = Int(range.dropFirst("bytes=".count).dropLast()),
            request.headers["if-range"].map({ $0 == tag }) ?? true, first < data.count
        {
            let span = "bytes \(first)-\(data.count - 1)/\(data.count)"
            return Response(
                206, ["ETag": tag, "Content-Range": span], body: [UInt8](data[first...]))
        }
        return Response(200, ["ETag": tag, "Accept-Ranges": "bytes"], body: [UInt8](data))
    }

    private static func read(_ connection: ScriptedServer.Connection) -> Request? {
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual([13, 10, 13, 10]) {
            guard head.count < 65_536, let byte = connection.readBytes(1) else { return nil }
            head += byte
        }
        let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count == 3 else { return nil }
        var request = Request()
        request.method = String(words[0])
        request.target = String(words[1])
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            request.headers[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        if let count = request.headers["content-length"].flatMap({ Int($0) }), count > 0 {
            guard count < 1 << 28, let body = connection.readBytes(count) else { return nil }
            request.body = body
        }
        return request
    }
}

/// A TCP relay on loopback that counts what it carries, and cuts connections where a test says.
public final class TestRelay: Sendable {
    /// Bytes that came from the server, one entry a piece.
    public let carried = EventLog<Int>()
    private let server: ScriptedServer

    public var port: UInt16 { server.port }
    public var carriedBytes: Int { carried.all.reduce(0, +) }

    /// - Parameter cut: the bytes after which a connection (counted from 0) is reset; nil: never.
    public init(to port: UInt16, cut: @escaping @Sendable (Int) -> Int? = { _ in nil }) throws {
        let carried = carried
        server = try ScriptedServer { connection in
            guard let upstream = FreePort.connect(port) else { return }
            let done = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                var chunk = [UInt8](repeating: 0, count: 65_536)
                while true {
                    let count = recv(connection.descriptor, &chunk, chunk.count, 0)
                    guard count > 0 else { break }
                    _ = send(upstream, chunk, count, Int32(MSG_NOSIGNAL))
                }
                shutdown(upstream, Int32(SHUT_WR))
                done.signal()
            }
            var left = cut(connection.index) ?? .max
            var chunk = [UInt8](repeating: 0, count: 16_384)
            while left > 0 {
                let count = recv(upstream, &chunk, min(chunk.count, left), 0)
                guard count > 0 else { break }
                left -= count
                carried.append(count)
                connection.write(Array(chunk[..<count]))
            }
            if left == 0 { connection.resetOnClose() }
            shutdown(upstream, Int32(SHUT_RDWR))
            shutdown(connection.descriptor, Int32(SHUT_RD))
            done.wait()
            close(upstream)
        }
    }
}
