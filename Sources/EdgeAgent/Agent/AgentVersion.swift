/// This agent's version.
package enum AgentVersion {
    package static let text = "0.1.0"

    /// As a bundle's `minimumAgentVersion` is compared with.
    package static var current: SemanticVersion {
        guard let version = SemanticVersion(text) else {
            preconditionFailure("The agent's own version is a semantic version.")
        }
        return version
    }
}
