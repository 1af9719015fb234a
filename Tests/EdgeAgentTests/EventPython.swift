import Foundation

/// A Python to judge messages with: `EDGE_AGENT_PYTHON`, else `python3`.
enum EventPython {
    static let executable =
        ProcessInfo.processInfo.environment["EDGE_AGENT_PYTHON"] ?? "python3"

    /// True if this Python runs and has these modules.
    static func has(_ modules: String...) -> Bool {
        let imports = modules.map { "import \($0)" }.joined(separator: "\n")
        return (try? run(imports, input: ""))?.status == 0
    }

    /// Runs a program with `input` on its standard input.
    static func run(
        _ program: String, _ arguments: String..., input: String
    ) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [executable, "-c", program] + arguments
        let (standardInput, output) = (Pipe(), Pipe())
        process.standardInput = standardInput
        process.standardOutput = output
        process.standardError = output
        try process.run()
        // Far below a pipe's 64 KB, so that nothing waits for a reader.
        try standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try standardInput.fileHandleForWriting.close()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}
