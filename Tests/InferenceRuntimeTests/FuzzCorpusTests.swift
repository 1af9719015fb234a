import Foundation
import InferenceRuntime
import Testing

/// What the fuzzer starts from, and what it has found: each input is refused or runs.
@Suite("Fuzz corpus", .timeLimit(.minutes(5)))
struct FuzzCorpusTests {
    /// Tests/Fuzz/Corpus.
    static let inputs: [URL] = {
        let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Fuzz/Corpus")
        return ["tflite", "onnx"].flatMap { target in
            (try? FileManager.default.contentsOfDirectory(
                at: corpus.appendingPathComponent(target), includingPropertiesForKeys: nil)) ?? []
        }.sorted { $0.path < $1.path }
    }()

    @Test("There is a corpus")
    func corpusExists() {
        #expect(Self.inputs.count >= 13)
    }

    @Test("An input of the corpus is refused or runs", arguments: inputs.map(\.path))
    func input(path: String) throws {
        do throws(ModelError) {
            let plan = try ModelPlan(contentsOf: path)
            var session = try InferenceSession(plan: plan)
            session.invoke()
        } catch {
            #expect(!error.description.isEmpty)
        }
    }
}
