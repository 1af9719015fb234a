internal import ArgumentParser
internal import EdgeAgent
internal import Glibc

/// Which pipeline a command is about.
struct UpdateOptions: ParsableArguments {
    @OptionGroup var options: ConfigurationOptions

    @Option(help: "The pipeline; needed where there are several.")
    var pipeline: String?

    func run(_ verb: UpdateRequest.Verb, _ argument: String? = nil) throws {
        let request = UpdateRequest(verb, pipeline: pipeline, argument: argument)
        for line in try UpdateTool.run(request, try options.load()) { print(line) }
    }
}

/// `edge-agent model list`.
struct ModelListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Say which version each pipeline runs, and what is on its way.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        for line in try UpdateTool.list(try options.load()) { print(line) }
    }
}

/// `edge-agent model history`.
struct ModelHistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Write the last lines of the audit log: who did what with which version, and why."
    )

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "How many lines.")
    var last = 50

    func run() async throws {
        for line in UpdateTool.history(try options.load(), last: max(0, last)) { print(line) }
    }
}

/// `edge-agent model pull`.
struct ModelPullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "Look for a new version now.",
        discussion: "It takes the way of every version: verified, tested, in shadow, on trial.")

    @OptionGroup var update: UpdateOptions

    @Argument(help: "What to look for; without it what the configuration says.")
    var model: String?

    func run() async throws { try update.run(.pull, model) }
}

/// `edge-agent model stage`.
struct ModelStageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stage",
        abstract: "Take a bundle from a directory, such as a USB stick, as the new version.",
        discussion: "It is copied, and takes the way of every version.")

    @OptionGroup var update: UpdateOptions

    @Argument(help: "The bundle's directory.")
    var bundle: String

    func run() async throws {
        guard let pointer = unsafe realpath(bundle, nil) else {
            throw ValidationError("'\(bundle)' is not there.")
        }
        defer { unsafe free(pointer) }
        try update.run(.stage, unsafe String(cString: pointer))
    }
}

/// `edge-agent model promote`.
struct ModelPromoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote",
        abstract:
            "Let the new version go on without waiting: to its test, to its trial, or for good.")

    @OptionGroup var update: UpdateOptions

    func run() async throws { try update.run(.promote) }
}

/// `edge-agent model rollback`.
struct ModelRollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Take the new version back, or go back to the version before the active one.")

    @OptionGroup var update: UpdateOptions

    func run() async throws { try update.run(.rollback) }
}

/// `edge-agent model pin`.
struct ModelPinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin", abstract: "Run this version and no other, until the pin is lifted.")

    @OptionGroup var update: UpdateOptions

    @Argument(help: "The digest, or its first 8 digits or more; without it the active version.")
    var digest: String?

    @Flag(help: "Lift the pin.")
    var off = false

    func run() async throws { try update.run(off ? .unpin : .pin, off ? nil : digest) }
}

/// `edge-agent model hold`.
struct ModelHoldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Look for nothing new, and let nothing new go to work.")

    @OptionGroup var update: UpdateOptions

    @Flag(help: "Go on.")
    var off = false

    func run() async throws { try update.run(off ? .unhold : .hold) }
}

/// `edge-agent model acknowledge`.
struct ModelAcknowledgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "acknowledge",
        abstract: "Clear the alerts update-refused and update-rolled-back: somebody has seen to it."
    )

    @OptionGroup var update: UpdateOptions

    func run() async throws { try update.run(.acknowledge) }
}
