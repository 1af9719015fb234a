/// Files on a web server, with an index beside them.
package struct IndexRegistry: ModelRegistry {
    let configuration: RegistryConfiguration

    package init(_ configuration: RegistryConfiguration) { self.configuration = configuration }

    package func resolve(
        _ reference: ModelReference, known: RegistryValidator?, control: DownloadControl
    ) throws(RegistryError) -> ResolvedModel? {
        let servers = try RegistryServers(configuration, control: control)
        let authorizer = PreemptiveAuthorizer(servers.credentials)
        // The digest of what was named, and the ETag of the index that named it.
        let parts = known?.text.split(separator: " ", maxSplits: 1).map(String.init) ?? []
        return try servers.first(authorizer: authorizer) {
            server throws(RegistryError) -> ResolvedModel? in
            let url = try server.url(ModelIndex.fileName)
            var headers: [(name: String, value: String)] = []
            if parts.count == 2 { headers.append(("If-None-Match", parts[1])) }
            let (answer, bytes) = try server.http.document(
                url, headers: headers, what: "the index", maximumBytes: ModelIndex.maximumBytes)
            switch answer.head.status {
            case 200: break
            case 304 where parts.count == 2: return nil
            default:
                throw RegistryError(
                    .notFound, "\(url): status \(answer.head.status): there is no index")
            }
            let version = try ModelIndex(parsing: bytes, from: "\(url)").version(
                of: reference, in: "\(url)")
            let digest = version.contentDigest.description
            if parts.first == digest { return nil }
            let tag = answer.head["etag"].flatMap { HTTPDownload.isStrongTag($0) ? " \($0)" : nil }
            return ResolvedModel(
                origin: "\(try server.url(HTTPURL.escaped(version.path, keepsSlashes: true)))",
                validator: RegistryValidator(text: digest + (tag ?? "")),
                files: try version.files.checkedNames("\(url): \(reference)"))
        }
    }

    package func download(
        _ model: ResolvedModel, into directory: PartialDownload, control: DownloadControl
    ) throws(RegistryError) {
        let servers = try RegistryServers(configuration, control: control)
        let all = try servers.all(authorizer: PreemptiveAuthorizer(servers.credentials))
        try HTTPDownload(control: control).run(model.files, into: directory) {
            file throws(RegistryError) -> [HTTPDownload.Source] in
            let path = HTTPURL.escaped(file.location, keepsSlashes: true)
            var sources: [HTTPDownload.Source] = []
            for server in all {
                sources.append(HTTPDownload.Source(http: server.http, url: try server.url(path)))
            }
            return sources
        }
    }
}
