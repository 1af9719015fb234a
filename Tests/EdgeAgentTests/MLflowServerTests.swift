import Foundation
import TestSupport
import Testing

@testable import EdgeAgent

/// The Python of a venv with mlflow.
enum MLflowPython {
    static let path = ProcessInfo.processInfo.environment["EDGE_AGENT_MLFLOW"]
}

/// A real tracking server: too heavy to be installed for each run.
@Suite(
    "MLflow's own server",
    .enabled(
        if: MLflowPython.path != nil && TestSigner.isAvailable,
        "set EDGE_AGENT_MLFLOW to the Python of a venv with mlflow"))
struct MLflowServerTests {
    /// As docs/updates.md has it.
    private static let publish = """
        import sys, mlflow
        mlflow.set_tracking_uri(sys.argv[1])
        client = mlflow.MlflowClient()
        with mlflow.start_run() as run:
            mlflow.log_artifacts(sys.argv[2], artifact_path="bundle")
        client.create_registered_model("level")
        version = client.create_model_version("level", f"runs:/{run.info.run_id}/bundle", run.info.run_id)
        client.set_registered_model_alias("level", "champion", version.version)
        """

    @Test("What mlflow logs and names is pulled by alias and by version, and comes to be committed")
    func commit() throws {
        let python = try #require(MLflowPython.path)
        let directory = try TemporaryDirectory("mlflow-server")
        let port = try FreePort.find()
        let url = "http://127.0.0.1:\(port)"
        let server = try ChildProcess(
            python,
            [
                "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", "\(port)", "--workers",
                "1",
                "--backend-store-uri", "sqlite:///\(directory.file("mlflow.db"))",
                "--artifacts-destination", directory.file("artifacts"),
            ], workingDirectory: directory.path)
        defer { _ = try? server.terminate() }
        let registry = MLflowRegistry(RegistryTesting.configuration(.mlflow, url))
        let deadline = Date(timeIntervalSinceNow: 180)
        // It answers as soon as it knows that there is no such model.
        while try RegistryTesting.kind({
            _ = try registry.resolve(
                RegistryTesting.reference("level:1"), known: nil, control: DownloadControl())
        }).kind == .unreachable {
            guard server.isRunning, Date() < deadline else { throw TestFailure(server.transcript) }
            usleep(100_000)
        }
        let signer = try TestSigner()
        let bundle = try TestBundle.make(directory.file("my-bundle"))
        try signer.sign(bundle)
        try ChildProcess.run(python, ["-c", Self.publish, url, bundle], within: 180)
        for reference in ["level@champion", "level:1", "level"] {
            #expect(
                try RegistryTesting.pull(registry, reference, into: directory.file(reference))
                    == RegistryTesting.contents(of: bundle))
        }
        let box = try UpdaterBox(signer: signer, registry: registry)
        box.offered = "level@champion"
        box.pull()
        box.run()
        #expect(box.kinds.last == "committed", "\(box.kinds)")
    }
}
