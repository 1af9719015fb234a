internal import ArgumentParser
internal import EdgeAgent
internal import Glibc

/// Where the configuration is, for the commands that read it.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: .shortAndLong, help: "The configuration file; conf.d/*.yaml beside it goes over it.")
    var config = "/etc/edge-agent/edge-agent.yaml"

    /// Reads and checks it.
    func load() throws -> LoadedConfiguration {
        try Configuration.load(path: config, environment: Self.environment)
    }

    /// The process's environment.
    static var environment: [String: String] {
        var variables: [String: String] = [:]
        // The array ends with NULL, its strings with NUL; nothing in this process changes them.
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let pair = unsafe String(cString: text).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
            unsafe entry += 1
        }
        return variables
    }
}
