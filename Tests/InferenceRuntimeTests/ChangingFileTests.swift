import Foundation
import InferenceRuntime
import TestSupport
import Testing

/// A plan owns all it needs: what happens to the file afterwards, or meanwhile, cannot hurt it.
@Suite("A model file that changes")
struct ChangingFileTests {
    enum Change: CaseIterable {
        case truncated, rewritten, removed
    }

    private func answers(_ plan: ModelPlan) throws -> [UInt8] {
        try plan.answers(to: Fixtures.bytes("small-network", "input"))
    }

    @Test("A plan answers as before when its file changes", arguments: Change.allCases)
    func afterwards(change: Change) throws {
        let directory = try TemporaryDirectory("changing")
        let path = directory.file("model.tflite")
        let model = Data(try Fixtures.bytes("small-network", "tflite"))
        try model.write(to: URL(fileURLWithPath: path))
        let plan = try ModelPlan(contentsOf: path)
        let expected = try Fixtures.bytes("small-network", "output")
        #expect(try answers(plan) == expected)
        switch change {
        case .truncated: #expect(truncate(path, 0) == 0)
        case .rewritten:
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try file.write(contentsOf: Data(repeating: 0xA5, count: model.count))
            try file.close()
        case .removed: #expect(unlink(path) == 0)
        }
        #expect(try answers(plan) == expected)
        // A session that begins only now takes nothing from the file either.
        #expect(try answers(plan) == expected)
    }

    @Test("A file that shrinks and grows while it is read is refused or read; nothing worse")
    func meanwhile() throws {
        let directory = try TemporaryDirectory("changing")
        let path = directory.file("model.tflite")
        let model = try Fixtures.bytes("small-network", "tflite")
        try Data(model).write(to: URL(fileURLWithPath: path))
        let writer = Thread {
            while !Thread.current.isCancelled {
                _ = truncate(path, off_t(model.count / 2))
                _ = truncate(path, off_t(model.count))
                let descriptor = open(path, O_WRONLY | O_CLOEXEC)
                guard descriptor >= 0 else { return }
                _ = model.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
                close(descriptor)
            }
        }
        writer.start()
        defer { writer.cancel() }
        for _ in 0..<300 {
            do throws(ModelError) {
                let plan = try ModelPlan(contentsOf: path)
                var session = try InferenceSession(plan: plan)
                session.invoke()
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }
}
