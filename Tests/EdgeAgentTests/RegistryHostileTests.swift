import Foundation
import TestSupport
import Testing

@testable import EdgeAgent

@Suite("Hostile registries")
struct RegistryHostileTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("hostile") }

    /// They answer until the end: a test that has no use for its server must not end it.
    private static let servers = EventLog<TestHTTPServer>()

    private static let raw = RegistryTesting.raw

    /// A registry whose one manifest names `model.tflite` with `bytes`, and whose blobs the test writes.
    private func registry(
        bytes: [UInt8], stallTimeout: Duration = .seconds(30),
        blob: @escaping @Sendable (TestHTTPServer.Request) -> TestHTTPServer.Response
    ) throws -> (TestHTTPServer, OCIRegistry) {
        let manifest = RegistryTesting.manifest([
            ("model.tflite", bytes, Self.raw), ("model.sig", [1], Self.raw),
        ])
        let server = try TestHTTPServer { request in
            if request.target.contains("/manifests/") { return .text(manifest) }
            return request.target.contains("\(SHA256Digest(of: [1]))")
                ? TestHTTPServer.Response(body: [1]) : blob(request)
        }
        let configuration = RegistryTesting.configuration(.oci, server.url) {
            $0.stallTimeout = stallTimeout
        }
        Self.servers.append(server)
        return (server, OCIRegistry(configuration))
    }

    private func failure(_ registry: OCIRegistry) throws -> RegistryError {
        try RegistryTesting.kind {
            _ = try RegistryTesting.pull(
                registry, "models/level:1.0.0", into: directory.file("partial"))
        }
    }

    @Test("A body that does not end is cut at the size that the manifest names")
    func endlessBody() throws {
        let (_, registry) = try registry(bytes: [UInt8](repeating: 7, count: 100_000)) { _ in
            .raw { connection in
                connection.write(Array("HTTP/1.1 200 OK\r\n\r\n".utf8))
                let chunk = [UInt8](repeating: 7, count: 50_000)
                for _ in 0..<20 { connection.write(chunk) }
            }
        }
        let error = try failure(registry)
        #expect(error.kind == .corrupt, "\(error)")
        let size =
            try FileManager.default.attributesOfItem(
                atPath: directory.file("partial/.model.tflite.part"))[.size] as? Int
        #expect(try #require(size) <= 100_000)
    }

    @Test(
        "A server that sends a byte now and then is left after the stall timeout, and what came is kept"
    )
    func slowLoris() throws {
        let bytes = [UInt8](repeating: 7, count: 200)
        let (_, registry) = try registry(bytes: bytes, stallTimeout: .seconds(1)) { request in
            if request.headers["range"] == "bytes=100-" {
                return TestHTTPServer.Response(
                    206, ["Content-Range": "bytes 100-199/200"],
                    body: Array(bytes[100...]))
            }
            return .raw { connection in
                connection.write(Array("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n".utf8))
                connection.write(Array(bytes[..<100]))
                connection.waitForEnd()
            }
        }
        let error = try failure(registry)
        #expect(error.kind == .unreachable && error.isTransient, "\(error)")
        #expect(
            try RegistryTesting.pull(
                registry, "models/level:1.0.0", into: directory.file("partial"))["model.tflite"]
                == bytes)
    }

    @Test(
        "Answers that no registry may give are refused, each with its reason",
        arguments: [
            (["HTTP/1.1 302 F", "Location: /loop"], RegistryError.Kind.protocolViolation, "times"),
            (["HTTP/1.1 302 F", "Location: file:///etc/passwd"], .protocolViolation, "no http"),
            (["HTTP/1.1 302 F"], .protocolViolation, "no http"),
            (["HTTP/1.1 200 OK", "Content-Encoding: gzip"], .protocolViolation, "gzip"),
            (["HTTP/1.1 200 OK", "Content-Length: 3"], .corrupt, "3 bytes"),
            (["HTTP/1.1 206 P", "Content-Range: bytes 1-2/3"], .protocolViolation, "another part"),
            (["HTTP/1.1 500 E"], .unavailable, "500"), (["HTTP/1.1 404 N"], .notFound, "404"),
            (["HTTP/1.1 403 N"], .unauthorized, "403"),
            (["SSH-2.0-x"], .protocolViolation, "HTTP/0.9"),
            (
                ["HTTP/1.1 200 OK", "X: " + String(repeating: "x", count: 90_000)],
                .protocolViolation, "head of the answer"
            ),
        ] as [([String], RegistryError.Kind, String)])
    func wrongAnswers(head: [String], kind: RegistryError.Kind, text: String) throws {
        let (_, registry) = try registry(bytes: [1, 2, 3, 4]) { _ in
            .raw { connection in
                connection.write(Array((head.joined(separator: "\r\n") + "\r\n\r\nabc").utf8))
            }
        }
        let error = try failure(registry)
        #expect(error.kind == kind && error.message.contains(text), "\(error)")
    }

    @Test("A busy registry says when it may be asked again")
    func retryAfter() throws {
        let (_, registry) = try registry(bytes: [1, 2]) { _ in
            .text("later", status: 429, ["Retry-After": "120"])
        }
        let error = try failure(registry)
        #expect(error.kind == .unavailable && error.retryAfter == .seconds(120))
        #expect(RegistryHTTP.retryAfter("Fri, 01 Jan 2100 00:00:00 GMT") == .seconds(86_400))
        #expect(RegistryHTTP.retryAfter("Thu, 01 Jan 1970 00:00:00 GMT") == .zero)
        #expect(RegistryHTTP.retryAfter("soon") == nil)
    }

    @Test(
        "A model larger than allowed is refused before a byte of it comes, and so is one that fills the disk"
    )
    func bounds() throws {
        let bytes = [UInt8](repeating: 7, count: 100_000)
        let (server, registry) = try registry(bytes: bytes) { _ in .init(body: bytes) }
        for (limits, kind) in [
            (DownloadControl.Limits(maximumBytes: 99_999), RegistryError.Kind.tooLarge),
            (DownloadControl.Limits(reservedBytes: 1 << 60), .noSpace),
            (DownloadControl.Limits(maximumFiles: 1), .tooLarge),
        ] {
            let error = try RegistryTesting.kind {
                _ = try RegistryTesting.pull(
                    registry, "models/level:1.0.0", into: directory.file("partial"),
                    control: DownloadControl(limits: limits))
            }
            #expect(error.kind == kind, "\(error)")
        }
        #expect(
            server.requests.all.filter { $0.target.contains("/blobs/\(SHA256Digest(of: bytes))") }
                .count <= 1)
    }

    @Test("A download that is cancelled ends at once")
    func cancelled() throws {
        let control = DownloadControl()
        let (_, registry) = try registry(bytes: [UInt8](repeating: 7, count: 100_000)) { _ in
            .raw { connection in
                connection.write(Array("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc".utf8))
                control.cancel()
                connection.waitForEnd()
            }
        }
        let error = try RegistryTesting.kind {
            _ = try RegistryTesting.pull(
                registry, "models/level:1.0.0", into: directory.file("partial"), control: control)
        }
        #expect(error.kind == .cancelled)
    }

    @Test(
        "Manifests that name no bundle are refused, each with its reason",
        arguments: [
            (RegistryTesting.manifest([("../model.tflite", [1], raw)]), "no directories"),
            (RegistryTesting.manifest([("/etc/passwd", [1], raw)]), "no directories"),
            (RegistryTesting.manifest([(".bashrc", [1], raw)]), "no directories"),
            (RegistryTesting.manifest([("a/b", [1], raw)]), "no directories"),
            (RegistryTesting.manifest([(nil, [1], raw)]), "has no name"),
            (RegistryTesting.manifest([("a", [1], raw), ("a", [2], raw)]), "two files"),
            (RegistryTesting.manifest([]), "no files"),
            (
                RegistryTesting.manifest([
                    ("a", [1], "application/vnd.cncf.model.weight.v1.tar+gzip")
                ]), "is packed"
            ),
            (
                RegistryTesting.manifest(
                    [("a", [1], raw)],
                    artifactType: "application/vnd.kitops.modelkit.manifest.v1+json"),
                "KitOps"
            ),
            ("{\"schemaVersion\":2,\"manifests\":[]}", "index"),
            ("{\"schemaVersion\":1}", "version 1"), ("{}", "schemaVersion"), ("", "empty"),
            (String(repeating: "[", count: 100_000), "manifest"),
            (
                "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"digest\":\"md5:1\",\"size\":1}}",
                "config.digest"
            ),
        ])
    func wrongManifests(manifest: String, text: String) throws {
        let server = try TestHTTPServer { _ in .text(manifest) }
        let error = try failure(OCIRegistry(RegistryTesting.configuration(.oci, server.url)))
        #expect(error.message.contains(text), "\(error)")
    }

    @Test("A manifest that is not the digest asked for, or announced, is corrupt")
    func wrongDigest() throws {
        let manifest = RegistryTesting.manifest([("a", [1], Self.raw)])
        let other = SHA256Digest(of: [9])
        let server = try TestHTTPServer { _ in
            .text(manifest, ["Docker-Content-Digest": "\(other)"])
        }
        let registry = OCIRegistry(RegistryTesting.configuration(.oci, server.url))
        for reference in ["models/level@\(other)", "models/level:1.0.0"] {
            let error = try RegistryTesting.kind {
                _ = try registry.resolve(
                    RegistryTesting.reference(reference), known: nil, control: DownloadControl())
            }
            #expect(error.kind == .corrupt, "\(error)")
        }
    }

    @Test("A registry that nobody answers for is unreachable within the connect timeout")
    func blackHole() throws {
        let hole = try BlackHole()
        let registry = OCIRegistry(
            RegistryTesting.configuration(.oci, "http://127.0.0.1:\(hole.port)") {
                $0.connectTimeout = .seconds(1)
            })
        let error = try failure(registry)
        #expect(error.kind == .unreachable && error.isTransient, "\(error)")
    }

    @Test(
        "References are read, or are none",
        arguments: [
            ("vibration", true), ("models/vibration:1.4.0", true), ("v@champion", true),
            ("v@sha256:" + String(repeating: "a", count: 64), true), ("", false), ("a b", false),
            ("../a", false), ("a/../b", false), ("a:", false), ("a:b:c", false), ("a//b", false),
            ("a@sha256:12", false), ("a:../x", false), ("a\n", false), (":1", false),
        ])
    func references(text: String, isOne: Bool) {
        let reference = ModelReference(text)
        #expect((reference != nil) == isOne)
        if let reference { #expect(ModelReference(reference.description) == reference) }
    }
}
