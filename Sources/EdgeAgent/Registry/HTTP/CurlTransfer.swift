internal import Glibc
internal import SensorIO

/// What libcurl's callbacks know of one transfer.
final class CurlTransfer {
    private static let maximumHeadBytes = 64 << 10
    private static let maximumErrorBytes = 4 << 10

    private let url: HTTPURL
    private let receiver: any HTTPReceiver
    private let control: DownloadControl
    private var status = 0
    private var fields: [(name: String, value: String)] = []
    private var headBytes = 0
    private var errorBytes: [UInt8] = []
    private var hasBegun = false
    /// What a receiver said; stronger than what libcurl makes of it.
    private var failure: RegistryError?
    /// The body of an answer that is no success was left where it was.
    private var isCut = false
    private var bodyBytes: UInt64 = 0
    private var bodyBeganAt: UInt64?

    init(_ url: HTTPURL, _ receiver: any HTTPReceiver, _ control: DownloadControl) {
        self.url = url
        self.receiver = receiver
        self.control = control
    }

    var isCancelled: Bool { control.isCancelled }

    /// Takes one line of the head; false ends the transfer.
    func head(_ bytes: UnsafeRawBufferPointer) -> Bool {
        headBytes += bytes.count
        guard headBytes <= Self.maximumHeadBytes else {
            failure = RegistryError(
                .protocolViolation,
                "\(url): the head of the answer has more than \(Self.maximumHeadBytes) bytes")
            return false
        }
        let line = unsafe String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            // A new head: that of the real answer after a 1xx.
            let words = line.split(separator: " ", maxSplits: 2)
            status = words.count > 1 ? Int(words[1].prefix { $0.isNumber }) ?? 0 : 0
            fields = []
        } else if let colon = line.utf8.firstIndex(of: 0x3A) {
            let value = line[line.utf8.index(after: colon)...]
            fields.append(
                (line[..<colon].lowercased(), String(Self.trimmed(value))))
        }
        return true
    }

    /// Takes a part of the body; false ends the transfer.
    func body(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard (200...299).contains(status) else {
            let room = Self.maximumErrorBytes - errorBytes.count
            unsafe errorBytes.append(contentsOf: bytes.prefix(room))
            isCut = bytes.count > room
            return !isCut
        }
        do throws(RegistryError) {
            try beginOnce()
            try unsafe receiver.receive(bytes)
            try keepToBandwidth(bytes.count)
            return true
        } catch {
            failure = error
            return false
        }
    }

    /// The outcome, after libcurl has returned.
    ///
    /// - Parameter transport: what libcurl says went wrong.
    func result(_ transport: RegistryError?) throws(RegistryError) -> HTTPAnswer {
        if let failure { throw failure }
        try control.checkCancelled()
        if let transport, !isCut { throw transport }
        guard (100...599).contains(status) else {
            throw RegistryError(.protocolViolation, "\(url): answers without a status of HTTP")
        }
        let head = HTTPHead(status: status, fields: fields)
        if head.isSuccess { try beginOnce() }
        return HTTPAnswer(
            head: head, url: url, errorText: String(decoding: errorBytes, as: UTF8.self))
    }

    /// Waits until as many bytes as there are may have come; the server is slowed down by a window that fills.
    ///
    /// libcurl's own limit (7.88) lets the first hundreds of kilobytes through as they come.
    private func keepToBandwidth(_ count: Int) throws(RegistryError) {
        guard let rate = control.limits.bytesPerSecond else { return }
        let began = bodyBeganAt ?? MonotonicClock.nanoseconds
        bodyBeganAt = began
        bodyBytes &+= UInt64(count)
        let due = began &+ UInt64(Double(bodyBytes) / Double(max(rate, 1)) * 1e9)
        while true {
            let now = MonotonicClock.nanoseconds
            guard now < due else { return }
            try control.checkCancelled()
            usleep(UInt32(min((due &- now) / 1000 + 1, 50_000)))
        }
    }

    private func beginOnce() throws(RegistryError) {
        guard !hasBegun else { return }
        hasBegun = true
        let head = HTTPHead(status: status, fields: fields)
        // Nothing was offered, so nothing may be packed: what unpacks to more than was announced never does.
        if let encoding = head["content-encoding"], encoding.lowercased() != "identity" {
            throw RegistryError(
                .protocolViolation,
                "\(url): answers with Content-Encoding \(encoding), which was not asked for")
        }
        try receiver.begin(head)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let last = text.utf8.last, [0x20, 0x09, 0x0D, 0x0A].contains(last) {
            text = text[..<text.utf8.index(before: text.utf8.endIndex)]
        }
        return text.drop { $0 == " " || $0 == "\t" }
    }
}
