import Foundation

/// Data and models that tests find beside the repository: `../shared`, or what `EDGE_AGENT_SHARED` names.
public enum SharedFiles {
    /// The directory; nil when there is none, and then such tests skip.
    public static let directory: URL? = {
        let fromEnvironment = ProcessInfo.processInfo.environment["EDGE_AGENT_SHARED"]
            .map { URL(fileURLWithPath: $0, isDirectory: true) }
        // <repository>/Tests/TestSupport/SharedFiles.swift
        let beside = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("shared", isDirectory: true)
        return [fromEnvironment, beside].compactMap { $0 }.first {
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: $0.path, isDirectory: &isDirectory)
                && isDirectory.boolValue
        }
    }()

    public static var areAvailable: Bool { directory != nil }

    /// Why a test skips: `.enabled(if: SharedFiles.areAvailable, SharedFiles.skipReason)`.
    public static let skipReason =
        "no shared directory beside the repository, nor EDGE_AGENT_SHARED"

    /// A file or directory in there.
    public static func url(_ path: String) throws -> URL {
        guard let directory else { throw TestFailure("no shared directory") }
        return directory.appendingPathComponent(path)
    }
}
