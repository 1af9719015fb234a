internal import Glibc
package import SensorIO

/// Why the agent cannot start; each message says what to do.
package enum AgentError: Error, CustomStringConvertible {
    case stateDirectory(path: String, errorNumber: Int32)
    case outbox(OutboxError)
    case secrets(ConfigurationError)
    /// A template of topics that cannot be used.
    case topic(key: String, text: String, TopicError)
    case bundle(pipeline: String, BundleError)
    case pipeline(name: String, PipelineError)
    case thread(name: String, errorNumber: Int32)
    /// `check` could not connect.
    case broker(name: String, endpoint: String, MQTTError)
    /// The model store, its state or its lock.
    case updates(BundleError)
    case updateKey(path: String, SigningKey.KeyError)
    /// The configuration does not fit the bundles.
    case configuration([ConfigurationDiagnostic])
    /// What the configuration and the bundle say does not go together.
    case mismatch(pipeline: String, reason: String)

    /// What has to be mended.
    package enum Kind: Sendable {
        case configuration, data, state, inUse, system, unavailable
    }

    package var kind: Kind {
        switch self {
        case .stateDirectory: .state
        case .outbox(.inUse): .inUse
        case .outbox(.system), .thread: .system
        case .outbox, .updates: .state
        case .secrets, .updateKey, .topic, .configuration, .mismatch: .configuration
        case .broker: .unavailable
        case .bundle, .pipeline: .data
        }
    }

    package var description: String {
        switch self {
        case .stateDirectory(let path, let number):
            "agent.stateDirectory: \(path) cannot be made: \(Self.text(number))"
        case .outbox(.inUse(let path)):
            "outbox.path: another agent has \(path) open: give each its own agent.stateDirectory"
        case .outbox(let error): "outbox: \(error)"
        case .secrets(let error): "\(error)"
        case .updates(.unwritable(let path, 11)):
            "updates: another process has \(path): is a second agent running?"
        case .updates(let error): "updates: \(error)"
        case .updateKey(let path, let error): "updates.keys: \(path) \(error)"
        case .topic(let key, let text, let error): "\(key): '\(text)': \(error)"
        case .bundle(let pipeline, let error): "pipelines.\(pipeline).model: \(error)"
        case .pipeline(let name, let error): "pipelines.\(name): \(error)"
        case .broker(let name, let endpoint, let error): "\(name): \(endpoint): \(error)"
        case .thread(let name, let number):
            "pipelines.\(name): no thread can be started: \(Self.text(number))"
        case .configuration(let diagnostics):
            diagnostics.map(\.description).joined(separator: "\n")
        case .mismatch(let pipeline, let reason): "pipelines.\(pipeline): \(reason)"
        }
    }

    private static func text(_ errorNumber: Int32) -> String {
        unsafe String(cString: strerror(errorNumber))
    }
}
