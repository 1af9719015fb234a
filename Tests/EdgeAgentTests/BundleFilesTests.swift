import EdgeAgent
import Foundation
import SensorIO
import TestSupport
import Testing

@Suite("Bundle files")
struct BundleFilesTests {
    private func makeBundle(_ directory: TemporaryDirectory) throws -> String {
        let path = directory.file("bundle")
        try BundleWriter.write(
            [
                "bundle.json": Array(BundleManifestTests.valid.utf8),
                "model.tflite": [1, 2, 3], "model.sig": [9],
                "golden.jsonl": Array("{\"input\": [1], \"output\": [2]}\n\n".utf8),
                "baseline.json": BundleBaseline(
                    windows: 2, probabilities: [0, 1],
                    features: [.init(name: "vibration.mean", quantiles: [0.5, 1])], score: [0, 2]
                ).encoded(),
            ], into: path)
        return path
    }

    private func load(_ path: String) throws -> ModelBundle {
        try ModelBundle(directory: path, agentVersion: try #require(SemanticVersion("0.1.0")))
    }

    @Test(
        "The digest is that of Python's hashlib over the files' digests in order, without the signature"
    )
    func digest() throws {
        let directory = try TemporaryDirectory()
        let path = try makeBundle(directory)
        let bundle = try load(path)
        let python = try #require(Executables.system("python3"), "python3 is needed")
        let script = """
            import hashlib, os, sys
            d = sys.argv[1]
            names = sorted(n for n in os.listdir(d) if n != "model.sig")
            parts = b"".join(hashlib.sha256(open(os.path.join(d, n), "rb").read()).digest() for n in names)
            print(hashlib.sha256(parts).hexdigest())
            """
        let output = try ChildProcess.run(python, ["-c", script, path])
        #expect(bundle.digest.hexadecimal == output.first)
        #expect(SHA256Digest(hexadecimal: bundle.digest.hexadecimal) == bundle.digest)
        #expect(bundle.golden.vectors == [BundleGolden.Vector(input: [1], output: [2])])
        #expect(bundle.baseline.features[0].quantiles == [0.5, 1])
    }

    @Test(
        "A file too few is named",
        arguments: ["bundle.json", "model.tflite", "golden.jsonl", "baseline.json"])
    func missing(name: String) throws {
        let directory = try TemporaryDirectory()
        let path = try makeBundle(directory)
        try FileManager.default.removeItem(atPath: "\(path)/\(name)")
        let error = #expect(throws: BundleError.self) { try load(path) }
        #expect("\(try #require(error))".contains("\(path)/\(name): missing"))
    }

    @Test("A file too many, a directory, a link and a second model are refused", arguments: 0..<4)
    func unexpected(kind: Int) throws {
        let directory = try TemporaryDirectory()
        let path = try makeBundle(directory)
        switch kind {
        case 0: try Data().write(to: URL(fileURLWithPath: "\(path)/run.sh"))
        case 1:
            try FileManager.default.createDirectory(
                atPath: "\(path)/README.md", withIntermediateDirectories: false)
        case 2:
            try FileManager.default.createSymbolicLink(
                atPath: "\(path)/LICENSE", withDestinationPath: "/etc/passwd")
        default: try Data([1]).write(to: URL(fileURLWithPath: "\(path)/model.onnx"))
        }
        let error = #expect(throws: BundleError.self) { try load(path) }
        guard case .unexpectedEntry(let entry, _) = try #require(error) else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(entry.hasPrefix(path))
    }

    @Test("A pipe in a model's place does not hang the reader")
    func pipe() throws {
        let directory = try TemporaryDirectory()
        let path = try makeBundle(directory)
        try FileManager.default.removeItem(atPath: "\(path)/model.tflite")
        #expect(mkfifo("\(path)/model.tflite", 0o600) == 0)
        #expect(throws: BundleError.self) { try load(path) }
    }

    @Test("A bundle for a newer agent says which")
    func newerAgent() throws {
        let directory = try TemporaryDirectory()
        let path = try makeBundle(directory)
        let error = #expect(throws: BundleError.self) {
            try ModelBundle(directory: path, agentVersion: try #require(SemanticVersion("0.0.9")))
        }
        #expect("\(try #require(error))".contains("needs agent 0.1.0, this is 0.0.9"))
    }

    @Test(
        "Errors in golden vectors name the line",
        arguments: [
            ("{}", "golden.jsonl:1: input: missing"),
            (
                "{\"input\": [1], \"output\": [1]}\n{\"input\": 3, \"output\": []}",
                "golden.jsonl:2: input"
            ),
            ("", "a golden vector: missing"),
        ])
    func goldenErrors(text: String, message: String) throws {
        let error = #expect(throws: BundleError.self) {
            try BundleGolden(parsing: Array(text.utf8), path: "golden.jsonl")
        }
        #expect("\(try #require(error))".contains(message))
    }

    @Test("A bundle is never written over another one")
    func neverOver() throws {
        let directory = try TemporaryDirectory()
        let path = try makeBundle(directory)
        #expect(throws: BundleError.self) {
            try BundleWriter.write(["bundle.json": []], into: path)
        }
        #expect(try load(path).manifest.release == 7)
    }
}
