/// A configuration as it was read, with what its reader has to say about it.
package struct LoadedConfiguration: Sendable {
    package let configuration: Configuration
    /// What is doubtful but works.
    package let warnings: [ConfigurationDiagnostic]
    /// The files that were read, in order.
    package let files: [String]
    let locations: [String: SourceLocation]

    /// Where a key stands, by its path; for a key that was left out where the section stands in
    /// which it would be.
    package func location(of keyPath: String) -> SourceLocation {
        ConfigurationLoader.location(of: keyPath, in: locations, file: files.first ?? "")
    }
}

extension Configuration {
    /// Reads a configuration: the main file, over it the fragments `conf.d/*.yaml` beside it in
    /// byte order of their names, over them the environment's `EDGE_AGENT_…`. Blocks on the disk.
    ///
    /// Reads no secrets and opens none of the files that the configuration names.
    ///
    /// - Parameters:
    ///   - path: the main file.
    ///   - environment: of the process.
    ///   - hostName: the default of `agent.id`; nil: this machine's.
    /// - Throws: everything that is wrong, bounded.
    package static func load(
        path: String, environment: [String: String], hostName: String? = nil
    ) throws(ConfigurationError) -> LoadedConfiguration {
        var diagnostics = ConfigurationDiagnostics()
        let limits = YAMLLimits()
        var files: [ConfigurationFiles.File] = []
        func read(_ name: String) {
            do throws(ConfigurationFiles.Problem) {
                let bytes = try ConfigurationFiles.read(name, maximumBytes: limits.maximumBytes)
                    .bytes
                files.append(ConfigurationFiles.File(name: name, bytes: bytes))
            } catch {
                diagnostics.error(.wholeFile(name), "", error.message)
            }
        }
        read(path)
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        let fragments = ConfigurationLoader.fragments(in: "\(directory)conf.d", &diagnostics)
        for fragment in fragments { read(fragment) }
        guard !diagnostics.hasErrors else { throw ConfigurationError(diagnostics: diagnostics) }
        return try ConfigurationLoader.load(
            files: files,
            ConfigurationContext(
                baseDirectory: ConfigurationFiles.directory(of: path), environment: environment),
            hostName: hostName ?? ConfigurationFiles.hostName(), diagnostics)
    }

    /// Reads files that are at hand, as `load(path:environment:hostName:)` does.
    ///
    /// - Parameters:
    ///   - files: the main file, and the fragments in the order in which they apply.
    ///   - baseDirectory: where relative paths start.
    /// - Throws: everything that is wrong, bounded.
    package static func read(
        files: [(name: String, bytes: [UInt8])], baseDirectory: String,
        environment: [String: String] = [:], hostName: String
    ) throws(ConfigurationError) -> LoadedConfiguration {
        try ConfigurationLoader.load(
            files: files.map { ConfigurationFiles.File(name: $0.name, bytes: $0.bytes) },
            ConfigurationContext(baseDirectory: baseDirectory, environment: environment),
            hostName: hostName)
    }
}

/// Bytes of files to a checked configuration.
enum ConfigurationLoader {
    /// Reads files that are at hand: the main file first, fragments in the order in which they
    /// apply.
    static func load(
        files: [ConfigurationFiles.File], _ context: ConfigurationContext, hostName: String,
        _ found: ConfigurationDiagnostics = ConfigurationDiagnostics()
    ) throws(ConfigurationError) -> LoadedConfiguration {
        var reader = ConfigurationReader(context: context)
        reader.diagnostics = found
        guard let main = files.first, let root = tree(of: files, &reader.diagnostics) else {
            throw ConfigurationError(diagnostics: reader.diagnostics)
        }
        let keys = Configuration.keys.descriptions
        let whole = EnvironmentOverrides.apply(
            context.environment, to: root, keys: keys, &reader.diagnostics)
        var configuration = Configuration()
        Configuration.keys.read(whole, at: "", into: &configuration, &reader)
        setDefaults(of: &configuration, hostName: hostName, file: main.name, &reader)
        var checks = ConfigurationChecks(
            configuration, locations: reader.locations, file: main.name)
        checks.run()
        reader.diagnostics.append(contentsOf: checks.diagnostics.all)
        guard !reader.diagnostics.hasErrors else {
            throw ConfigurationError(diagnostics: reader.diagnostics)
        }
        return LoadedConfiguration(
            configuration: configuration, warnings: reader.diagnostics.warnings,
            files: files.map(\.name), locations: reader.locations)
    }

    /// The fragments of a directory, by path.
    static func fragments(
        in directory: String, _ diagnostics: inout ConfigurationDiagnostics
    ) -> [String] {
        do throws(ConfigurationFiles.Problem) {
            var paths: [String] = []
            for name in try ConfigurationFiles.entries(of: directory) ?? [] {
                if name.hasSuffix(".yaml") {
                    paths.append("\(directory)/\(name)")
                } else if name.hasSuffix(".yml") {
                    diagnostics.warning(
                        .wholeFile("\(directory)/\(YAMLNode.excerpt(name))"), "",
                        "is not read: the name of a fragment ends in .yaml")
                }
            }
            guard paths.count <= ConfigurationFiles.maximumFragments else {
                throw ConfigurationFiles.Problem(
                    message: "has \(paths.count) fragments, at most"
                        + " \(ConfigurationFiles.maximumFragments) are read")
            }
            return paths
        } catch {
            diagnostics.error(.wholeFile(directory), "", error.message)
            return []
        }
    }

    /// The files' trees merged; nil if one is no YAML, for then the whole would only be guessed at.
    private static func tree(
        of files: [ConfigurationFiles.File], _ diagnostics: inout ConfigurationDiagnostics
    ) -> YAMLNode? {
        var whole: YAMLNode?
        var isComplete = true
        for file in files {
            do throws(YAMLError) {
                let root = try YAMLParser.parse(file.bytes, file: file.name)
                // An empty fragment says nothing; an empty main file may have fragments.
                guard let root = root?.removingDuplicateKeys(&diagnostics) else { continue }
                guard case .mapping = root.content else {
                    throw YAMLError(
                        location: root.location, message: "expected a mapping, found \(root.found)")
                }
                whole =
                    whole?.merged(with: root, as: .section(Configuration.keys.descriptions))
                    ?? root
            } catch {
                diagnostics.error(error.location, "", error.message)
                isComplete = false
            }
        }
        guard isComplete else { return nil }
        if whole == nil, let main = files.first {
            diagnostics.error(
                .wholeFile(main.name), "", "is empty: expected at least brokers and pipelines")
        }
        return whole
    }

    private static func setDefaults(
        of configuration: inout Configuration, hostName: String, file: String,
        _ reader: inout ConfigurationReader
    ) {
        if configuration.agent.id.isEmpty, reader.locations["agent.id"] == nil {
            configuration.agent.id = hostName
            if !ScalarKind<String>.isIdentifier(hostName) {
                reader.diagnostics.error(
                    location(of: "agent.id", in: reader.locations, file: file), "agent.id",
                    "missing, and the host name '\(YAMLNode.excerpt(hostName))' cannot stand for it:"
                        + " expected at most 64 letters, digits, '.', '_' or '-'")
            }
        }
        if reader.locations["agent.stateDirectory"] == nil {
            // systemd lists several directories with colons between them; the first is the unit's
            // own.
            let directory = reader.context.environment["STATE_DIRECTORY"]?
                .split(separator: ":").first
            if let directory, directory.hasPrefix("/") {
                configuration.agent.stateDirectory = String(directory)
            }
        }
        if configuration.outbox.path.isEmpty {
            configuration.outbox.path = "\(configuration.agent.stateDirectory)/outbox.sqlite"
        }
    }

    /// Where a key stands, or else the nearest section around it, or else the file.
    static func location(
        of keyPath: String, in locations: [String: SourceLocation], file: String
    ) -> SourceLocation {
        var path = keyPath
        while true {
            if let location = locations[path] { return location }
            guard let end = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { break }
            path = String(path[..<end])
        }
        return locations[""] ?? .wholeFile(file)
    }
}
