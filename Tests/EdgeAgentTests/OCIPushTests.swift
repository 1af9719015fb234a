import Foundation
import TestSupport
import Testing

@testable import EdgeAgent

@Suite(
    "Pushing to OCI registries",
    .enabled(if: TestRegistry.isAvailable, Comment(rawValue: RegistryTesting.skipReason)))
struct OCIPushTests {
    private static let needsOras: Comment =
        "EDGE_AGENT_PYTHON names no Python with the package oras"

    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("push") }

    private func manifest(_ server: TestRegistry, _ reference: String) throws -> Data {
        let tool = try #require(Executables.system("python3"))
        let program = """
            import sys, urllib.request
            request = urllib.request.Request(sys.argv[1], headers={"Accept": sys.argv[2]})
            sys.stdout.write(urllib.request.urlopen(request).read().decode())
            """
        let lines = try ChildProcess.run(
            tool,
            [
                "-c", program, "\(server.url)/v2/\(reference)",
                "application/vnd.oci.image.manifest.v1+json",
            ])
        return Data(lines.joined(separator: "\n").utf8)
    }

    @Test("The command pushes a bundle under its version and another tag, and says the digest")
    func command() throws {
        let server = try TestRegistry()
        let child = try ChildProcess(
            try TestAgent.executable(),
            [
                "model", "push", TestAgent.levelBundle, "\(server.address)/models/level",
                "--plain-http", "--also-tag", "stable",
            ], environment: ["http_proxy": nil])
        #expect(try child.waitForExit(within: 30) == .code(0), "\(child.transcript)")
        let digest = SHA256Digest(
            of: [UInt8](try manifest(server, "models/level/manifests/stable")))
        #expect(child.output.all.first == "\(server.address)/models/level@\(digest)")
        let registry = OCIRegistry(RegistryTesting.configuration(.oci, server.url))
        let version = try ModelBundle(
            directory: TestAgent.levelBundle, agentVersion: AgentVersion.current
        ).manifest.version
        #expect(
            try RegistryTesting.pull(
                registry, "models/level:\(version)", into: directory.file("a"))
                == RegistryTesting.levelContents)
        let missing = try ChildProcess(
            try TestAgent.executable(), ["model", "push", "/nowhere", "\(server.address)/m:1"])
        #expect(try missing.waitForExit(within: 30) == .code(65))
    }

    @Test(
        "oras makes the same artifact of the same files, and what it pushed comes back, with a signature attached later",
        .enabled(if: EventPython.has("oras"), needsOras))
    func oras() throws {
        let server = try TestRegistry()
        try RegistryTesting.push(TestAgent.levelBundle, to: server, "models/ours", ["1.0.0"])
        let program = """
            import os, sys, json, requests
            import oras.client, oras.oci, oras.container
            host, directory = sys.argv[1:3]
            url = f"http://{host}/v2/models"
            accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
            ours = requests.get(f"{url}/ours/manifests/1.0.0", headers=accept).json()
            config = requests.get(f"{url}/ours/blobs/{ours['config']['digest']}").content
            os.chdir(directory)
            client = oras.client.OrasClient(hostname=host, insecure=True)
            def push(target, files, manifest, config):
                container = oras.container.Container(target, registry=host)
                for name, media_type in files:
                    layer = oras.oci.NewLayer(name, media_type, is_dir=False)
                    layer["annotations"] = {"org.opencontainers.image.title": name}
                    client.upload_blob(name, container, layer)
                    manifest["layers"].append(layer)
                with open("../config.json", "wb") as file:
                    file.write(config[0])
                descriptor = {"mediaType": config[1], "digest": oras.utils.get_file_hash("../config.json"), "size": len(config[0])}
                descriptor["digest"] = "sha256:" + descriptor["digest"].removeprefix("sha256:")
                client.upload_blob("../config.json", container, descriptor)
                manifest["config"] = descriptor
                response = client.upload_manifest(manifest, container)
                response.raise_for_status()
                return response
            manifest = oras.oci.NewManifest()
            manifest["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
            manifest["artifactType"] = "application/vnd.cncf.model.manifest.v1+json"
            files = [(l["annotations"]["org.opencontainers.image.title"], l["mediaType"]) for l in ours["layers"]]
            push(f"{host}/models/theirs:1.0.0", files, manifest, (config, ours["config"]["mediaType"]))
            theirs = requests.get(f"{url}/theirs/manifests/1.0.0", headers=accept)
            assert {k: v for k, v in theirs.json().items() if k != "annotations"} == ours, (theirs.json(), ours)
            # A signature as a referrer, the way that registries before 1.1 of the specification have it.
            import hashlib
            digest = "sha256:" + hashlib.sha256(theirs.content).hexdigest()
            kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
            with open("../model.sig", "w") as file:
                file.write('{"signature": 1}')
            os.chdir("..")
            attached = oras.oci.NewManifest()
            attached["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
            attached["artifactType"] = kind
            attached["subject"] = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": len(theirs.content)}
            os.mkdir("signature"); os.rename("model.sig", "signature/model.sig"); os.chdir("signature")
            response = push(f"{host}/models/theirs:signature", [("model.sig", kind)], attached, (b"{}", "application/vnd.oci.empty.v1+json"))
            one = requests.get(f"{url}/theirs/manifests/signature", headers=accept)
            index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
                {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": one.headers["Docker-Content-Digest"],
                 "size": len(one.content), "artifactType": kind}]}
            put = requests.put(f"{url}/theirs/manifests/{digest.replace(':', '-')}", data=json.dumps(index),
                headers={"Content-Type": "application/vnd.oci.image.index.v1+json"})
            put.raise_for_status()
            """
        let files = directory.file("bundle")
        try FileManager.default.copyItem(atPath: TestAgent.levelBundle, toPath: files)
        let (status, output) = try EventPython.run(program, server.address, files, input: "")
        #expect(status == 0, "\(output)")
        let registry = OCIRegistry(RegistryTesting.configuration(.oci, server.url))
        var pulled = try RegistryTesting.pull(
            registry, "models/theirs:1.0.0", into: directory.file("pulled"))
        #expect(pulled.removeValue(forKey: "model.sig") == Array("{\"signature\": 1}".utf8))
        #expect(pulled == (try RegistryTesting.levelContents))
    }

    @Test(
        "A signature that is attached after the first poll is noticed by the next, although the tag did not move"
    )
    func laterSignature() throws {
        let server = try TestRegistry()
        let report = try RegistryTesting.push(
            TestAgent.levelBundle, to: server, "models/level", ["1.0.0"])
        let registry = OCIRegistry(RegistryTesting.configuration(.oci, server.url))
        let reference = try RegistryTesting.reference("models/level:1.0.0")
        let unsigned = try #require(
            try registry.resolve(reference, known: nil, control: DownloadControl()))
        #expect(
            try registry.resolve(reference, known: unsigned.validator, control: DownloadControl())
                == nil)
        let program = """
            import hashlib, json, sys, urllib.request
            base, subject = sys.argv[1:3]
            def send(method, url, body=b"", kind="application/octet-stream"):
                request = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": kind})
                return urllib.request.urlopen(request)
            def blob(body):
                place = send("POST", base + "/blobs/uploads/").headers["Location"]
                digest = "sha256:" + hashlib.sha256(body).hexdigest()
                send("PUT", place + "&digest=" + digest, body)
                return digest
            kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
            manifest_kind = "application/vnd.oci.image.manifest.v1+json"
            manifest = json.dumps({"schemaVersion": 2, "mediaType": manifest_kind, "artifactType": kind,
                "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": blob(b"{}"), "size": 2},
                "layers": [{"mediaType": kind, "digest": blob(b"signed"), "size": 6}],
                "subject": {"mediaType": manifest_kind, "digest": subject, "size": 1}}).encode()
            digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
            send("PUT", base + "/manifests/" + digest, manifest, manifest_kind)
            index_kind = "application/vnd.oci.image.index.v1+json"
            index = json.dumps({"schemaVersion": 2, "mediaType": index_kind, "manifests": [
                {"mediaType": manifest_kind, "digest": digest, "size": len(manifest), "artifactType": kind}]}).encode()
            send("PUT", base + "/manifests/" + subject.replace(":", "-"), index, index_kind)
            """
        let tool = try #require(Executables.system("python3"))
        try ChildProcess.run(
            tool, ["-c", program, "\(server.url)/v2/models/level", "\(report.manifestDigest)"])
        let signed = try #require(
            try registry.resolve(
                reference, known: unsigned.validator, control: DownloadControl()))
        try registry.download(
            signed, into: PartialDownload(path: directory.file("a")), control: DownloadControl())
        #expect(
            try RegistryTesting.contents(of: directory.file("a"))["model.sig"]
                == Array("signed".utf8))
    }
}
