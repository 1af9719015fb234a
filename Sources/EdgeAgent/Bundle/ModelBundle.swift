internal import InferenceRuntime
internal import SensorIO
internal import Synchronization

/// A model with everything that is needed to feed it, to read it and to test it; immutable.
package struct ModelBundle: Sendable {
    package let path: String
    package internal(set) var manifest: BundleManifest
    package var golden: BundleGolden { contents.value.golden }
    package let baseline: BundleBaseline
    /// Identifies the bundle's content; a changed byte in any file is another bundle.
    package let digest: SHA256Digest
    /// The model file's bytes.
    package var model: [UInt8] { contents.value.model }
    private let contents: Contents

    /// Reads a bundle's directory. Blocks on the disk.
    ///
    /// - Parameter agentVersion: this agent's, for the bundle's minimum.
    /// - Throws: `BundleError`.
    package init(directory path: String, agentVersion: SemanticVersion) throws(BundleError) {
        try self.init(try BundleFiles(directory: path), agentVersion: agentVersion)
    }

    /// Reads a bundle from files that were read already: what was verified is what is used.
    ///
    /// - Throws: `BundleError`.
    package init(_ files: BundleFiles, agentVersion: SemanticVersion) throws(BundleError) {
        let path = files.path
        let manifestPath = "\(path)/bundle.json"
        manifest = try Self.document("bundle.json", files) { value throws(JSONError) in
            try BundleManifest(value)
        }
        if let needed = manifest.minimumAgentVersion, agentVersion < needed {
            throw .agentTooOld(path: manifestPath, needed: needed, actual: agentVersion)
        }
        for other in BundleManifest.Runtime.allCases where other != manifest.runtime {
            if files["model.\(other.rawValue)"] != nil {
                throw .unexpectedEntry(
                    path: "\(path)/model.\(other.rawValue)",
                    reason: "the bundle's runtime is \(manifest.runtime.rawValue)")
            }
        }
        contents = Contents(
            model: try files.required(manifest.modelFile),
            golden: try BundleGolden(
                parsing: try files.required("golden.jsonl"), path: "\(path)/golden.jsonl"))
        baseline = try Self.document("baseline.json", files) { value throws(JSONError) in
            try BundleBaseline(value)
        }
        digest = files.digest
        self.path = path
    }

    /// Gives up the model file's bytes and the golden vectors, of all copies of this value: a model that has been
    /// activated needs them no more, and they can be larger than all else.
    package func releaseContents() { contents.release() }

    /// What only an activation needs.
    private final class Contents: Sendable {
        typealias Value = (model: [UInt8], golden: BundleGolden)

        private let held: Mutex<Value>

        init(model: [UInt8], golden: BundleGolden) { held = Mutex((model, golden)) }

        var value: Value { held.withLock { $0 } }

        func release() { held.withLock { $0 = ([], BundleGolden(vectors: [])) } }
    }

    private static func document<Value>(
        _ name: String, _ files: BundleFiles,
        _ read: (JSONValue) throws(JSONError) -> Value
    ) throws(BundleError) -> Value {
        let bytes = try files.required(name)
        do throws(JSONError) {
            return try read(
                try JSONValue(
                    parsing: bytes,
                    limits: JSONValue.Limits(maximumBytes: 4 << 20, maximumDepth: 16)))
        } catch {
            throw .json(path: "\(files.path)/\(name)", line: nil, error)
        }
    }
}
