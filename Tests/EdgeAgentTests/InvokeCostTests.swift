import Foundation
import TestSupport
import Testing

/// What one inference costs beside its arithmetic: nothing. Looked at from outside, on the release
/// build's `edge-agent model run`.
@Suite(
    "Cost of an inference",
    .enabled(
        if: ProcessInfo.processInfo.environment["TEST_MALLOC_COUNTER"] != nil
            && ProcessInfo.processInfo.environment["TEST_AGENT_BINARY"] != nil,
        "needs the release build and the counter: make test sets TEST_AGENT_BINARY and TEST_MALLOC_COUNTER"
    ))
struct InvokeCostTests {
    /// Small models of every kind in the tree, and the reference models where there are any.
    static let models: [String] = {
        let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("InferenceRuntimeTests/Fixtures")
        let small = [
            "small-network.tflite", "float-small-network.tflite", "hybrid-depthwise.tflite",
        ]
        let reference = [
            "ad01_int8", "kws_ref_model", "pretrainedResnet_large_int8", "pretrainedResnet_quant",
            "str_ww_ref_model", "vww_96_int8",
        ]
        let shared = SharedFiles.directory?.appendingPathComponent("models")
        return small.map { fixtures.appendingPathComponent($0).path }
            + (shared.map { shared in
                reference.map { shared.appendingPathComponent("\($0).tflite").path }
            } ?? [])
    }()

    private let directory: TemporaryDirectory
    private let agent: String

    init() throws {
        directory = try TemporaryDirectory("invoke")
        agent = try #require(ProcessInfo.processInfo.environment["TEST_AGENT_BINARY"])
    }

    private func run(
        _ command: [String], environment: [String: String?] = [:]
    ) throws -> ChildProcess {
        let child = try ChildProcess(
            command[0], Array(command.dropFirst()), environment: environment)
        let exit = try child.waitForExit(within: 60)
        #expect(exit == .code(0), "\(child.errors.all)")
        return child
    }

    /// Bytes of one run's input tensors, by the agent's own account.
    private func inputBytes(_ model: String) throws -> Int {
        let lines = try run([agent, "model", "info", model]).output.all
        let sizes = lines.filter { $0.hasPrefix("  input ") }.compactMap {
            $0.split(separator: " ").dropLast().last.flatMap { Int($0) }
        }
        return try #require(sizes.isEmpty ? nil : sizes.reduce(0, +))
    }

    private func arguments(_ model: String, runs: Int) throws -> [String] {
        let input = directory.file("input-\(runs)")
        try Data(count: runs * inputBytes(model)).write(to: URL(fileURLWithPath: input))
        return [
            agent, "model", "run", model, "--input", input, "--output", directory.file("output"),
        ]
    }

    @Test("An inference allocates nothing", arguments: models)
    func allocations(model: String) throws {
        func count(runs: Int) throws -> UInt64 {
            let file = directory.file("counters-\(runs)")
            _ = try run(
                arguments(model, runs: runs),
                environment: [
                    "LD_PRELOAD": ProcessInfo.processInfo.environment["TEST_MALLOC_COUNTER"],
                    "EDGE_AGENT_MALLOC_COUNTERS": file,
                ])
            return try MallocCounters(file).allAllocations
        }
        let (few, many) = (try count(runs: 2), try count(runs: 402))
        #expect(few > 0, "the counter counts: loading a model allocates")
        // The start of a process differs by one or two from run to run.
        let more = Int64(many) - Int64(few)
        #expect(abs(more) < 8, "400 more inferences made \(more) allocations more")
    }

    @Test(
        "An inference makes no system call",
        .enabled(if: canTrace, "strace cannot trace here without privileges"), arguments: models)
    func systemCalls(model: String) throws {
        let log = directory.file("calls")
        _ = try run(["/usr/bin/strace", "-f", "-o", log] + arguments(model, runs: 40))
        let lines = try String(contentsOf: URL(fileURLWithPath: log), encoding: .utf8)
            .split(separator: "\n").map(String.init)
        let opened = try #require(lines.firstIndex { $0.contains("/input-40\", O_RDONLY") })
        let thread = lines[opened].prefix { $0 != " " }
        let rest = lines[(opened + 1)...].filter { $0.hasPrefix("\(thread) ") }
        let read = try #require(rest.firstIndex { $0.contains(" close(") })
        let written = try #require(rest.firstIndex { $0.contains("/output") })
        #expect(read < written)
        // The memory of the session and of all outputs is taken in this stretch as well, once.
        let memory = [" mmap(", " munmap(", " brk(", " mprotect(", " madvise("]
        // Where another thread ran in between, the call stands on the line that began it.
        let calls = rest[(read + 1)..<written].filter { !$0.contains(" resumed>") }
        let others = calls.filter { call in !memory.contains { call.contains($0) } }
        #expect(others.isEmpty)
        #expect(calls.count <= 8, "40 inferences, \(calls.joined(separator: "\n"))")
    }

    /// Whether strace is there and the kernel lets it trace.
    static let canTrace: Bool = {
        guard
            let child = try? ChildProcess(
                "/usr/bin/strace", ["-f", "-o", "/dev/null", "/bin/true"])
        else { return false }
        return (try? child.waitForExit(within: 20)) == .code(0)
    }()
}
