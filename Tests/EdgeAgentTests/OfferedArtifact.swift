import EdgeAgent
import Foundation
import TestSupport

/// A bundle's files as an OCI registry offers them under every tag, honestly or not.
final class OfferedArtifact: Sendable {
    typealias Layer = (name: String?, bytes: [UInt8], mediaType: String)

    /// What is done otherwise than an honest registry does.
    struct Tamper {
        var layers: @Sendable ([Layer]) -> [Layer] = { $0 }
        var manifest: @Sendable (String) -> String = { $0 }
        /// The answer for the model's blob; nil: the blob.
        var blob: (@Sendable (TestHTTPServer.Request, [UInt8]) -> TestHTTPServer.Response)?
    }

    let server: TestHTTPServer

    /// Reads the files as they are now.
    init(_ directory: String, _ tamper: Tamper = Tamper()) throws {
        let contents = try RegistryTesting.contents(of: directory)
        let layers = tamper.layers(
            contents.sorted { $0.key < $1.key }.map { ($0.key, $0.value, RegistryTesting.raw) })
        let manifest = tamper.manifest(RegistryTesting.manifest(layers))
        var blobs: [String: [UInt8]] = [:]
        for layer in layers { blobs["\(SHA256Digest(of: layer.bytes))"] = layer.bytes }
        let all = blobs
        let model = contents["model.tflite"]
        let blob = tamper.blob
        server = try TestHTTPServer { request in
            if request.target.contains("/manifests/sha256-") { return .text("none", status: 404) }
            if request.target.contains("/manifests/") { return .text(manifest) }
            guard let bytes = all[String(request.target.split(separator: "/").last ?? "")] else {
                return .text("none", status: 404)
            }
            if let blob, bytes == model { return blob(request, bytes) }
            return TestHTTPServer.Response(body: bytes)
        }
    }

    /// The registry that asks it.
    func registry(_ change: (inout RegistryConfiguration) -> Void = { _ in }) -> OCIRegistry {
        OCIRegistry(RegistryTesting.configuration(.oci, server.url, change))
    }
}
