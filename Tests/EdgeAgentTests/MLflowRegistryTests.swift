import Foundation
import TestSupport
import Testing

@testable import EdgeAgent

@Suite("MLflow")
struct MLflowRegistryTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("mlflow") }

    private static let api = "/api/2.0/mlflow"
    private static let run = "609599d7a5f34b0f9d1c3c8a6f0c2b11"

    /// Answers as MLflow 3.17.2 was recorded to: an alias on version 2 of `vibration`, whose files a run logged.
    private func server(source: String = "runs:/\(run)/edge") throws -> TestHTTPServer {
        let bundle = TestAgent.levelBundle
        return try TestHTTPServer { request in
            guard request.headers["authorization"] == "Basic ZWRnZTpzM2NyZXQ=" else {
                return .text(
                    "You are not authenticated.", status: 401,
                    ["WWW-Authenticate": "Basic realm=\"mlflow\""])
            }
            let version = """
                {"name":"vibration","version":"2","creation_timestamp":1795234866544,\
                "current_stage":"None","source":"\(source)","run_id":"\(Self.run)","status":"READY",\
                "tags":[],"run_link":"","aliases":["champion"]}
                """
            let artifacts = "1/\(Self.run)/artifacts/edge"
            switch request.target {
            case "\(Self.api)/registered-models/alias?name=vibration&alias=champion",
                "\(Self.api)/model-versions/get?name=vibration&version=2":
                return .text("{\"model_version\":\(version)}")
            case "\(Self.api)/registered-models/alias?name=vibration&alias=nope":
                return .text(
                    "{\"error_code\":\"INVALID_PARAMETER_VALUE\",\"message\":\"Registered model alias nope"
                        + " not found.\"}", status: 400)
            case let target
            where target.hasPrefix("\(Self.api)/model-versions/search?filter=name%3D"):
                return .text("{\"model_versions\":[\(version)]}")
            case "\(Self.api)/model-versions/get-download-uri?name=vibration&version=2":
                let uri =
                    source.hasPrefix("models:")
                    ? "mlflow-artifacts:/1/models/m-6/artifacts" : source
                return .text("{\"artifact_uri\":\"\(uri)\"}")
            case "\(Self.api)/runs/get?run_id=\(Self.run)":
                return .text(
                    "{\"run\":{\"info\":{\"artifact_uri\":\"mlflow-artifacts:/1/\(Self.run)/artifacts\"}}}"
                )
            case "/api/2.0/mlflow-artifacts/artifacts?path=\(HTTPURL.escaped(artifacts))",
                "/api/2.0/mlflow-artifacts/artifacts?path=\(HTTPURL.escaped("1/models/m-6/artifacts"))":
                let files = (try? RegistryTesting.contents(of: bundle)) ?? [:]
                let list = files.map {
                    "{\"path\":\"\($0.key)\",\"is_dir\":false,\"file_size\":\($0.value.count)}"
                }
                return .text("{\"files\":[\(list.joined(separator: ","))]}")
            default:
                for place in [artifacts, "1/models/m-6/artifacts"] {
                    let prefix = "/api/2.0/mlflow-artifacts/artifacts/\(place)"
                    guard request.target.hasPrefix(prefix) else { continue }
                    var asked = request
                    asked.target = String(request.target.dropFirst(prefix.count))
                    return TestHTTPServer.file(bundle, asked)
                }
                return .text("{\"error_code\":\"RESOURCE_DOES_NOT_EXIST\"}", status: 404)
            }
        }
    }

    private func registry(_ server: TestHTTPServer) throws -> MLflowRegistry {
        let password = try directory.write("s3cret\n", to: "password")
        return MLflowRegistry(
            RegistryTesting.configuration(.mlflow, server.url) {
                $0.username = "edge"
                $0.passwordFile = password
            })
    }

    @Test(
        "An alias, a version and the newest version come from the run that logged them, or from a logged model",
        arguments: ["runs:/\(run)/edge", "models:/m-6"])
    func pull(source: String) throws {
        let server = try server(source: source)
        let registry = try registry(server)
        for reference in ["vibration@champion", "vibration:2", "vibration"] {
            #expect(
                try RegistryTesting.pull(registry, reference, into: directory.file(reference))
                    == RegistryTesting.levelContents)
        }
        let reference = try RegistryTesting.reference("vibration@champion")
        let model = try #require(
            try registry.resolve(reference, known: nil, control: DownloadControl()))
        let before = server.requests.count
        #expect(
            try registry.resolve(reference, known: model.validator, control: DownloadControl())
                == nil)
        #expect(server.requests.count == before + 1)
    }

    @Test("A part is gone on with only under the same ETag, for there is no digest to tell")
    func resume() throws {
        let server = try server()
        let registry = try registry(server)
        let expected = try RegistryTesting.levelContents
        let model = try #require(expected["model.tflite"])
        let partial = directory.file("partial")
        for tag in ["\"other\"", nil] {
            try? FileManager.default.removeItem(atPath: partial)
            try FileManager.default.createDirectory(
                atPath: partial, withIntermediateDirectories: true)
            try Data(repeating: 0, count: model.count / 2).write(
                to: URL(fileURLWithPath: "\(partial)/.model.tflite.part"))
            if let tag {
                try Data(tag.utf8).write(to: URL(fileURLWithPath: "\(partial)/.model.tflite.etag"))
            }
            #expect(
                try RegistryTesting.pull(registry, "vibration:2", into: partial) == expected)
        }
        #expect(
            server.requests.all.compactMap { $0.headers["range"] } == ["bytes=\(model.count / 2)-"])
    }

    @Test("What is not there, and where one is not let in, is said so")
    func errors() throws {
        let server = try server()
        let registry = try registry(server)
        for reference in ["vibration@nope", "other:2"] {
            let error = try RegistryTesting.kind {
                _ = try RegistryTesting.pull(registry, reference, into: directory.file("x"))
            }
            #expect(error.kind == .notFound, "\(error)")
        }
        let anonymous = MLflowRegistry(RegistryTesting.configuration(.mlflow, server.url))
        let error = try RegistryTesting.kind {
            _ = try RegistryTesting.pull(anonymous, "vibration:2", into: directory.file("x"))
        }
        #expect(error.kind == .unauthorized)
        let elsewhere = try self.server(source: "s3://bucket/x")
        let unsupported = try RegistryTesting.kind {
            _ = try RegistryTesting.pull(
                self.registry(elsewhere), "vibration:2", into: directory.file("x"))
        }
        #expect(unsupported.kind == .unsupported && unsupported.message.contains("serve-artifacts"))
    }
}
