internal import SensorIO

/// Registered models of an MLflow tracking server, which hands out the artifacts itself.
///
/// - Source: the REST API of MLflow 3.17, `/api/2.0`. It knows no digest of any file: what comes is trusted only after
///   the signature among it has been checked.
package struct MLflowRegistry: ModelRegistry {
    let configuration: RegistryConfiguration

    package init(_ configuration: RegistryConfiguration) { self.configuration = configuration }

    package func resolve(
        _ reference: ModelReference, known: RegistryValidator?, control: DownloadControl
    ) throws(RegistryError) -> ResolvedModel? {
        let api = try API(configuration, control)
        let model = try api.version(of: reference)
        // Moving an alias changes no time, and JSON answers have no ETag: number and source are what there is.
        let validator = RegistryValidator(text: "\(model.version) \(model.source)")
        if validator == known { return nil }
        let path = try api.artifactPath(of: model)
        let files = try api.files(at: path)
        return ResolvedModel(
            origin: "\(api.server.base): \(model.name) version \(model.version)",
            validator: validator, files: try files.checkedNames("\(api.server.base): \(path)"))
    }

    package func download(
        _ model: ResolvedModel, into directory: PartialDownload, control: DownloadControl
    ) throws(RegistryError) {
        let api = try API(configuration, control)
        try HTTPDownload(control: control).run(model.files, into: directory) {
            file throws(RegistryError) -> [HTTPDownload.Source] in
            let path = HTTPURL.escaped(file.location, keepsSlashes: true)
            return [
                HTTPDownload.Source(
                    http: api.server.http,
                    url: try api.server.url("api/2.0/mlflow-artifacts/artifacts/\(path)"))
            ]
        }
    }

    /// One version of a registered model.
    private struct Version {
        var name: String
        var version: String
        var source: String
    }

    /// The calls that a puller needs.
    private struct API {
        let server: RegistryServers.Server

        init(
            _ configuration: RegistryConfiguration, _ control: DownloadControl
        ) throws(RegistryError) {
            let servers = try RegistryServers(configuration, control: control)
            let authorizer = PreemptiveAuthorizer(servers.credentials)
            guard let server = try servers.all(authorizer: authorizer).last else {
                throw RegistryError(.configuration, "no server to ask")
            }
            self.server = server
        }

        func version(of reference: ModelReference) throws(RegistryError) -> Version {
            let name = HTTPURL.escaped(reference.name)
            let path: String
            switch reference.selector {
            case .digest:
                throw RegistryError(
                    .unsupported, "\(server.base): MLflow knows versions and aliases, no digests")
            case .tag(let tag) where tag.utf8.allSatisfy { (0x30...0x39).contains($0) }:
                path = "model-versions/get?name=\(name)&version=\(tag)"
            case .tag(let alias):
                path = "registered-models/alias?name=\(name)&alias=\(HTTPURL.escaped(alias))"
            case .newest:
                let filter = HTTPURL.escaped("name='\(reference.name)'")
                let order = HTTPURL.escaped("version_number DESC")
                path = "model-versions/search?filter=\(filter)&max_results=1&order_by=\(order)"
            }
            return try ask("mlflow/\(path)", "\(reference)") { root throws(JSONError) in
                var node: JSONNode
                if case .newest = reference.selector {
                    let versions = try root.optional("model_versions")?.elements() ?? []
                    guard let first = versions.first else {
                        throw .missing(path: "model_versions[0]")
                    }
                    node = first
                } else {
                    node = try root.required("model_version")
                }
                return Version(
                    name: try node.required("name").string(),
                    version: try node.required("version").string(),
                    source: try node.required("source").string())
            }
        }

        /// Where a version's files are, below the server's artifacts.
        func artifactPath(of model: Version) throws(RegistryError) -> String {
            let query =
                "name=\(HTTPURL.escaped(model.name))&version=\(HTTPURL.escaped(model.version))"
            var uri = try ask(
                "mlflow/model-versions/get-download-uri?\(query)", "\(model.name)"
            ) { root throws(JSONError) in try root.required("artifact_uri").string() }
            if let rest = uri.after("runs:/") {
                let run = rest.prefix { $0 != "/" }
                let root = try ask(
                    "mlflow/runs/get?run_id=\(HTTPURL.escaped(run))", "run \(run)"
                ) { root throws(JSONError) in
                    try root.required("run").required("info").required("artifact_uri").string()
                }
                uri = root + rest.dropFirst(run.count)
            } else if let rest = uri.after("models:/") {
                uri = try ask(
                    "mlflow/logged-models/\(HTTPURL.escaped(rest))", "model \(rest)"
                ) { root throws(JSONError) in
                    try root.required("model").required("info").required("artifact_uri").string()
                }
            }
            guard var path = uri.after("mlflow-artifacts:") else {
                throw RegistryError(
                    .unsupported,
                    "\(server.base): the files are at \(YAMLNode.excerpt(uri)), which the tracking"
                        + " server does not hand out: start it with --serve-artifacts")
            }
            // mlflow-artifacts://host:port/path means this server as well.
            if path.hasPrefix("//") { path = path.dropFirst(2).drop { $0 != "/" } }
            let relative = String(path.drop { $0 == "/" })
            guard ModelIndex.isRelative(relative) else {
                throw RegistryError(
                    .protocolViolation,
                    "\(server.base): names '\(YAMLNode.excerpt(relative))' as the place of the files"
                )
            }
            return relative
        }

        func files(at path: String) throws(RegistryError) -> [RegistryFile] {
            let query = "path=\(HTTPURL.escaped(path))"
            let entries = try ask("mlflow-artifacts/artifacts?\(query)", path) {
                root throws(JSONError) in
                var entries: [(name: String, isDirectory: Bool, size: Int?)] = []
                for node in try root.optional("files")?.elements() ?? [] {
                    let isDirectory = try node.optional("is_dir")?.bool() ?? false
                    let size = try node.optional("file_size")?.integer(in: 0...(1 << 50))
                    entries.append((try node.required("path").string(), isDirectory, size))
                }
                return entries
            }
            var files: [RegistryFile] = []
            for entry in entries {
                let file = RegistryFile(
                    name: entry.name, sizeBytes: entry.size.map { UInt64($0) }, sha256: nil,
                    location: "\(path)/\(entry.name)")
                guard !entry.isDirectory, let file else {
                    throw RegistryError(
                        .protocolViolation,
                        "\(server.base): \(path): '\(YAMLNode.excerpt(entry.name))' is no plain file;"
                            + " log the bundle's directory with log_artifacts, and nothing else beside"
                    )
                }
                files.append(file)
            }
            return files
        }

        /// - Parameter what: names what was asked for in an error.
        private func ask<Answer>(
            _ path: String, _ what: String, _ read: (JSONNode) throws(JSONError) -> Answer
        ) throws(RegistryError) -> Answer {
            let url = try server.url("api/2.0/\(path)")
            let answer: HTTPAnswer
            let bytes: [UInt8]
            do throws(RegistryError) {
                (answer, bytes) = try server.http.document(url, what: "the answer")
            } catch {
                // An unknown alias is a 400, not a 404.
                guard error.kind == .protocolViolation, error.message.contains("status 400"),
                    error.message.contains("not found")
                else { throw error }
                throw RegistryError(.notFound, error.message)
            }
            guard answer.head.status == 200 else {
                throw RegistryError(
                    .notFound,
                    "\(url): status \(answer.head.status): '\(what)' is not there: "
                        + String(answer.errorText.prefix(200)))
            }
            do throws(JSONError) {
                return try read(JSONNode(try JSONValue(parsing: bytes)))
            } catch {
                if case .missing("model_versions[0]") = error {
                    throw RegistryError(.notFound, "\(url): '\(what)' has no version")
                }
                throw RegistryError(.protocolViolation, "\(url): \(error)")
            }
        }
    }
}

extension String {
    /// What follows a prefix; nil without it.
    fileprivate func after(_ prefix: String) -> Substring? {
        hasPrefix(prefix) ? dropFirst(prefix.count) : nil
    }
}
