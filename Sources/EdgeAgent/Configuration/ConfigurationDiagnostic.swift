/// One thing that is wrong, or doubtful, in the configuration.
package struct ConfigurationDiagnostic: Sendable, Equatable, CustomStringConvertible {
    package enum Severity: Sendable, Equatable { case warning, error }

    package var severity: Severity
    package var location: SourceLocation
    /// As in `pipelines[0].payload.format`; empty for the file as a whole.
    package var keyPath: String
    /// What was wrong and what is expected.
    package var message: String

    /// Names a fault.
    package init(
        _ severity: Severity = .error, at location: SourceLocation, _ keyPath: String,
        _ message: String
    ) {
        self.severity = severity
        self.location = location
        self.keyPath = keyPath
        self.message = message
    }

    /// `edge-agent.yaml:3:9: brokers.plant.port: expected an integer, found 'abc'`
    package var description: String {
        let kind = severity == .warning ? "warning: " : ""
        let key = keyPath.isEmpty ? "" : "\(keyPath): "
        return "\(location): \(kind)\(key)\(message)"
    }
}

/// The faults found so far, bounded: who has a hundred faults does not read the hundred and first.
package struct ConfigurationDiagnostics: Sendable, Equatable {
    package static let limit = 100

    package private(set) var all: [ConfigurationDiagnostic] = []
    /// How many more there were.
    package private(set) var omittedCount = 0

    package init() {}

    package var hasErrors: Bool { omittedCount > 0 || all.contains { $0.severity == .error } }
    package var warnings: [ConfigurationDiagnostic] { all.filter { $0.severity == .warning } }

    package mutating func append(_ diagnostic: ConfigurationDiagnostic) {
        guard all.count < Self.limit else {
            omittedCount += 1
            return
        }
        all.append(diagnostic)
    }

    package mutating func append(contentsOf others: [ConfigurationDiagnostic]) {
        for diagnostic in others { append(diagnostic) }
    }

    mutating func error(_ location: SourceLocation, _ keyPath: String, _ message: String) {
        append(ConfigurationDiagnostic(.error, at: location, keyPath, message))
    }

    mutating func warning(_ location: SourceLocation, _ keyPath: String, _ message: String) {
        append(ConfigurationDiagnostic(.warning, at: location, keyPath, message))
    }
}

/// Why there is no configuration: everything that is wrong with it, a line each.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Errors, and the warnings found beside them, in the order in which they were found.
    package var diagnostics: ConfigurationDiagnostics

    package var description: String {
        var lines = diagnostics.all.map(\.description)
        if diagnostics.omittedCount > 0 { lines.append("and \(diagnostics.omittedCount) more") }
        return lines.joined(separator: "\n")
    }
}
