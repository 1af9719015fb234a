import Foundation

/// A directory of the test's own, removed with this object.
public final class TemporaryDirectory: Sendable {
    public let url: URL

    public var path: String { url.path }

    public init(_ name: String = "edge-agent-test") throws {
        let template = FileManager.default.temporaryDirectory.appendingPathComponent(
            "\(name)-XXXXXX"
        ).path
        var bytes = Array(template.utf8CString)
        guard let made = mkdtemp(&bytes) else {
            throw TestFailure("mkdtemp \(template): \(String(cString: strerror(errno)))")
        }
        url = URL(fileURLWithPath: String(cString: made), isDirectory: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    /// The path of a file in the directory; nothing is made.
    public func file(_ name: String) -> String {
        url.appendingPathComponent(name).path
    }

    /// Writes a file into the directory and returns its path.
    @discardableResult
    public func write(_ text: String, to name: String, permissions: Int = 0o600) throws -> String {
        let path = file(name)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: path)
        return path
    }
}
