import EdgeAgent
import Foundation
import TestSupport

/// What tests of registries have in common.
enum RegistryTesting {
    static let skipReason = "docker-registry is not installed"

    /// A bundle's files by name.
    static func contents(of directory: String) throws -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
            contents[name] = [UInt8](
                try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name)")))
        }
        return contents
    }

    static var levelContents: [String: [UInt8]] {
        get throws { try contents(of: TestAgent.levelBundle) }
    }

    static func configuration(
        _ kind: RegistryConfiguration.Kind, _ url: String? = nil,
        _ change: (inout RegistryConfiguration) -> Void = { _ in }
    ) -> RegistryConfiguration {
        var configuration = RegistryConfiguration()
        configuration.name = "test"
        configuration.kind = kind
        configuration.url = url
        configuration.proxy = "none"
        change(&configuration)
        return configuration
    }

    static func reference(_ text: String) throws -> ModelReference {
        guard let reference = ModelReference(text) else {
            throw TestFailure("'\(text)' is no reference")
        }
        return reference
    }

    /// Resolves, downloads into a new directory, and returns the files.
    static func pull(
        _ registry: some ModelRegistry, _ reference: String, into directory: String,
        control: DownloadControl = DownloadControl()
    ) throws -> [String: [UInt8]] {
        guard
            let model = try registry.resolve(
                try self.reference(reference), known: nil, control: control)
        else { throw TestFailure("nothing was resolved") }
        try registry.download(model, into: PartialDownload(path: directory), control: control)
        return try contents(of: directory)
    }

    /// The error's kind of a call that must fail.
    static func kind(_ body: () throws -> Void) throws -> RegistryError {
        do {
            try body()
        } catch let error as RegistryError {
            return error
        }
        throw TestFailure("it did not fail")
    }

    /// The media type of a file of a bundle.
    static let raw = "application/vnd.cncf.model.weight.v1.raw"

    /// An OCI manifest with these layers.
    static func manifest(
        _ layers: [(name: String?, bytes: [UInt8], mediaType: String)], artifactType: String? = nil
    ) -> String {
        let list = layers.map { layer in
            let title = layer.name.map { name in
                let data = try? JSONSerialization.data(
                    withJSONObject: ["org.opencontainers.image.title": name])
                return ",\"annotations\":\(String(decoding: data ?? Data(), as: UTF8.self))"
            }
            return
                "{\"mediaType\":\"\(layer.mediaType)\",\"digest\":\"\(SHA256Digest(of: layer.bytes))\","
                + "\"size\":\(layer.bytes.count)\(title ?? "")}"
        }
        let type = artifactType.map { "\"artifactType\":\"\($0)\"," } ?? ""
        return
            "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\(type)"
            + "\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":"
            + "\"\(SHA256Digest(of: Array("{}".utf8)))\",\"size\":2},"
            + "\"layers\":[\(list.joined(separator: ","))]}"
    }

    /// Pushes a bundle to a registry without credentials.
    @discardableResult
    static func push(
        _ bundle: String, to registry: TestRegistry, _ repository: String, _ tags: [String]
    ) throws -> OCIPush.Report {
        try OCIPush(configuration(.oci, registry.url)).push(
            bundle: bundle, repository: repository, tags: tags, control: DownloadControl())
    }

    /// A copy of the level bundle whose model is noise, as large as wanted; `bytes` of noise that depends on the seed.
    static func largeBundle(bytes: Int, seed: UInt64, in directory: TemporaryDirectory) throws
        -> String
    {
        let path = directory.file("bundle-\(seed)")
        try FileManager.default.copyItem(atPath: TestAgent.levelBundle, toPath: path)
        var state = seed
        var block = [UInt8](repeating: 0, count: 4096)
        for index in block.indices {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            block[index] = UInt8(truncatingIfNeeded: state >> 56)
        }
        var noise = Data(capacity: bytes + block.count)
        while noise.count < bytes {
            // No two blocks are alike, so that one in the wrong place is seen.
            withUnsafeBytes(of: noise.count) { noise.append(contentsOf: $0) }
            noise.append(contentsOf: block)
        }
        noise.removeLast(noise.count - bytes)
        try noise.write(to: URL(fileURLWithPath: "\(path)/model.tflite"))
        return path
    }
}
