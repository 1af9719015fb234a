package import InferenceRuntime
internal import SensorIO

/// What the command's `model pack` and `model check` do, on paths.
package enum PackTool {
    /// What a check found.
    package struct CheckReport: Sendable {
        package var name: String
        package var version: SemanticVersion
        package var release: Int
        package var digest: SHA256Digest
        package var goldenVectors: Int
        package var p99Nanoseconds: UInt64
        package var engine: InferenceEngine
        package var memory: String
    }

    /// Packs a bundle. Blocks on the disk.
    ///
    /// - Throws: `PackingError`; each message names the file.
    package static func pack(
        modelPath: String, descriptionPath: String, samplesPath: String, into directory: String,
        packer: ModelPacker
    ) throws(PackingError) -> ModelPacker.Report {
        let model: [UInt8]
        let description: BundleManifest
        do throws(BundleError) {
            model = try BundleFiles.read(path: modelPath, maximumBytes: 256 << 20)
            let bytes = try BundleFiles.read(path: descriptionPath, maximumBytes: 1 << 20)
            do throws(JSONError) {
                description = try BundleManifest(JSONValue(parsing: bytes), isDescription: true)
            } catch {
                throw .json(path: descriptionPath, line: nil, error)
            }
        } catch {
            throw .bundle(error)
        }
        let samples: SampleTable
        do throws(SampleTableError) {
            samples = try SampleTable(
                path: samplesPath, channels: description.channels.map(\.name))
        } catch {
            throw .samples(error)
        }
        return try packer.pack(
            model: model, description: description, samples: samples, samplesPath: samplesPath,
            into: directory)
    }

    /// Tests a bundle as activation would. Blocks on the disk and for about 30 ms.
    ///
    /// - Throws: `PackingError`.
    package static func check(
        bundlePath: String, limit: Duration, engines: EngineSelection
    ) throws(PackingError) -> CheckReport {
        let bundle: ModelBundle
        do throws(BundleError) {
            bundle = try ModelBundle(directory: bundlePath, agentVersion: AgentVersion.current)
        } catch {
            throw .bundle(error)
        }
        do throws(PipelineError) {
            let activated = try ModelActivation.activate(
                bundle, engines: engines, limitNanoseconds: UInt64(clamping: limit.wholeNanoseconds)
            )
            let model = activated.model.withSession { session in session.model }
            return CheckReport(
                name: bundle.manifest.name, version: bundle.manifest.version,
                release: bundle.manifest.release, digest: bundle.digest,
                goldenVectors: bundle.golden.vectors.count,
                p99Nanoseconds: activated.p99Nanoseconds,
                engine: model.engine, memory: model.memoryDescription)
        } catch {
            throw .pipeline(error)
        }
    }
}
