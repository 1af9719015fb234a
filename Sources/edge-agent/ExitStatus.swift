internal import ArgumentParser
internal import EdgeAgent
internal import Glibc

/// The status that the command ends with.
/// - Source: sysexits.h of BSD. Restarting helps against none of `usage`, `data` and `configuration`.
enum ExitStatus: Int32 {
    case usage = 64
    case data = 65
    case noInput = 66
    case unavailable = 69
    case system = 71
    case cannotCreate = 73
    case inputOutput = 74
    case temporary = 75
    case noPermission = 77
    case configuration = 78

    /// The status for an error of ours; nil for one of the argument parser's.
    init?(_ error: any Error) {
        if error is ConfigurationError {
            self = .configuration
        } else if let error = error as? AgentError {
            switch error.kind {
            case .configuration: self = .configuration
            case .data: self = .data
            case .state: self = .cannotCreate
            case .inUse: self = .temporary
            case .system: self = .system
            case .unavailable: self = .unavailable
            }
        } else if let error = error as? PackingError {
            switch error.kind {
            case .data: self = .data
            case .noInput: self = .noInput
            case .cannotCreate: self = .cannotCreate
            }
        } else if let error = error as? RegistryError {
            switch error.kind {
            case .unreachable, .unavailable: self = .unavailable
            case .unauthorized: self = .noPermission
            case .notFound: self = .noInput
            case .tooLarge, .corrupt, .protocolViolation, .unsupported: self = .data
            case .noSpace, .storage: self = .inputOutput
            case .configuration: self = .configuration
            case .cancelled: self = .temporary
            }
        } else if error is StatusTool.Failure {
            self = .unavailable
        } else if error is BundleError {
            self = .data
        } else if OutboxTool.isInUse(error) {
            self = .temporary
        } else if OutboxTool.isDiskError(error) {
            self = .inputOutput
        } else {
            return nil
        }
    }
}

extension EdgeAgentCommand {
    /// Parses, runs, and ends with the status that the error has.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            guard let status = ExitStatus(error) else { exit(withError: error) }
            StderrLogHandler.writeFailure(
                "edge-agent: \(error)", environment: ConfigurationOptions.environment)
            Glibc.exit(status.rawValue)
        }
    }
}
