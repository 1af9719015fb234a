package import Logging

extension AgentConfiguration.LogLevel {
    /// The logger's name for it.
    package var loggerLevel: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}
