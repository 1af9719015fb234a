import Foundation
import TestSupport
import Testing

/// What the other tests stand on.
@Suite("Test support")
struct MQTTTestSupportTests {
    @Test("finds the command beside the test bundle")
    func product() throws {
        let path = try Executables.product("edge-agent")
        #expect(FileManager.default.isExecutableFile(atPath: path))
        #expect(throws: TestFailure.self) { try Executables.product("no-such-product") }
    }

    @Test("runs a program with its output, environment, directory and end")
    func childProcess() throws {
        let directory = try TemporaryDirectory()
        let child = try ChildProcess(
            "/bin/sh", ["-c", "pwd; echo $TEST_VALUE; echo no >&2; read line; echo $line; exit 3"],
            environment: ["TEST_VALUE": "seven"], workingDirectory: directory.path)
        try child.waitForLine(containing: "seven")
        try child.waitForLine(containing: "no", onErrors: true)
        try child.write("hello\n")
        #expect(try child.waitForExit() == .code(3))
        #expect(child.output.all == [directory.path, "seven", "hello"])
        #expect(child.errors.all == ["no"])
    }

    @Test("kills a program, and only that one")
    func kill() throws {
        let other = try ChildProcess("/bin/cat")
        let child = try ChildProcess("/bin/cat")
        try child.kill()
        #expect(child.exit == .signal(SIGKILL))
        #expect(other.isRunning)
        other.closeInput()
        #expect(try other.waitForExit() == .code(0))
    }

    @Test("says at the deadline what has happened instead")
    func deadline() async throws {
        let log = EventLog<Int>()
        log.append(7)
        let error = #expect(throws: TestFailure.self) {
            try log.atLeast(2, "numbers", within: 0.05)
        }
        #expect(error?.description.contains("7") == true)
        await #expect(throws: TestFailure.self) {
            try await withDeadline("a long sleep", within: 0.05) {
                try await Task.sleep(for: .seconds(30))
            }
        }
        #expect(try await withDeadline("nothing") { 1 } == 1)
    }

    @Test("removes temporary directories")
    func temporaryDirectory() throws {
        var directory: TemporaryDirectory? = try TemporaryDirectory()
        let path = try #require(try directory?.write("x", to: "a"))
        #expect(FileManager.default.fileExists(atPath: path))
        directory = nil
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}
