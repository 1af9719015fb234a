import EdgeAgent

/// Configurations for tests, made of text.
enum ConfigurationText {
    /// As short as it may be, without errors and warnings.
    static let minimal = """
        brokers:
          plant:
            host: localhost
        pipelines:
          - name: pumps
            topics: ["plant/{site}/pump/{asset}/vibration"]
            model: models/pump
        """

    /// Reads a main file called `edge-agent.yaml`, and fragments called `1.yaml`, `2.yaml` …
    static func read(
        _ main: String, fragments: [String] = [], environment: [String: String] = [:],
        hostName: String = "box"
    ) throws(ConfigurationError) -> LoadedConfiguration {
        try read(
            Array(main.utf8), fragments: fragments, environment: environment, hostName: hostName)
    }

    static func read(
        _ main: [UInt8], fragments: [String] = [], environment: [String: String] = [:],
        hostName: String = "box"
    ) throws(ConfigurationError) -> LoadedConfiguration {
        var files = [(name: "edge-agent.yaml", bytes: main)]
        for (index, fragment) in fragments.enumerated() {
            files.append((name: "\(index + 1).yaml", bytes: Array(fragment.utf8)))
        }
        return try Configuration.read(
            files: files, baseDirectory: "/etc/edge-agent", environment: environment,
            hostName: hostName)
    }

    /// The lines of all errors and warnings; none for a configuration without.
    static func lines(
        _ main: String, fragments: [String] = [], environment: [String: String] = [:],
        hostName: String = "box"
    ) -> [String] {
        do throws(ConfigurationError) {
            return try read(
                main, fragments: fragments, environment: environment, hostName: hostName
            ).warnings.map(\.description)
        } catch {
            return error.description.split(separator: "\n").map(String.init)
        }
    }

    /// `minimal` with lines added to its broker.
    static func broker(_ lines: String...) -> String {
        minimal.replacing(
            "    host: localhost\n",
            with: "    host: localhost\n" + lines.map { "    \($0)\n" }.joined())
    }

    /// `minimal` with lines added to its pipeline: the first of them is line 8.
    static func pipeline(_ lines: String...) -> String {
        minimal + "\n" + lines.map { "    \($0)\n" }.joined()
    }
}
