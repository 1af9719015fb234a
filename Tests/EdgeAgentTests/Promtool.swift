import Foundation
import TestSupport

/// Prometheus' own checker.
enum Promtool {
    /// `make test` names it.
    static var path: String? {
        let path = ProcessInfo.processInfo.environment["TEST_PROMTOOL"] ?? ""
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }

    /// Runs it; what it has to say comes back with a status that is not 0.
    static func run(_ arguments: [String], input: String = "") throws -> (
        status: Int32, text: String
    ) {
        let process = Process()
        let output = Pipe()
        let given = Pipe()
        process.executableURL = URL(fileURLWithPath: path ?? "")
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = output
        process.standardInput = given
        try process.run()
        DispatchQueue.global().async {
            given.fileHandleForWriting.write(Data(input.utf8))
            try? given.fileHandleForWriting.close()
        }
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}
