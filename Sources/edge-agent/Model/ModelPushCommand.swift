internal import ArgumentParser
internal import EdgeAgent
internal import Glibc

/// `edge-agent model push`: a bundle into an OCI registry.
struct ModelPushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push", abstract: "Push a bundle to an OCI registry.",
        discussion: """
            Makes the artifact that 'oras push' of the same files makes: one layer a file, with the \
            media types of CNCF ModelPack. Sign before you push: model.sig travels along.

              edge-agent model push my-bundle registry.example/models/vibration --also-tag stable
            """)

    @Argument(help: "The bundle's directory.")
    var bundle: String

    @Argument(help: "Registry, repository and tag; without a tag, the bundle's version.")
    var reference: String

    @Option(
        help: ArgumentHelp("Another tag, such as a channel; may be repeated.", valueName: "tag"))
    var alsoTag: [String] = []

    @Flag(help: "HTTP instead of HTTPS.")
    var plainHttp = false

    @Option(help: "User name.")
    var username: String?

    @Option(help: "File with the password.")
    var passwordFile: String?

    @Option(help: "The token server that may see the password, if it is on another host.")
    var tokenServer: String?

    @Option(help: "PEM file of the authorities that may sign the registry's certificate.")
    var ca: String?

    @Option(help: "PEM file of your own certificate.")
    var certificate: String?

    @Option(help: "PEM file of its key.")
    var key: String?

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        var registry = RegistryConfiguration()
        registry.name = "push"
        registry.username = username
        registry.passwordFile = passwordFile
        registry.tokenServer = tokenServer
        if ca != nil || certificate != nil {
            var tls = TLSConfiguration()
            tls.ca = ca
            tls.certificate = certificate
            tls.key = key
            registry.tls = tls
        }
        let report = try OCIPush.push(
            bundle: bundle, to: reference, isPlain: plainHttp, alsoTags: alsoTag, registry)
        print("\(report.repository)@\(report.manifestDigest)")
        print("  tags        \(report.tags.joined(separator: ", "))")
        print(
            "  bytes       \(report.totalBytes), \(report.skippedBlobs) blobs were there already")
    }
}

/// `edge-agent model index`: the index of a directory of bundles.
struct ModelIndexCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Write the index.json of a directory that holds <model>/<version>/.",
        discussion: """
            For a web server, or a USB stick with channels. Run it again after each change.

              edge-agent model index /srv/models --channel vibration:stable=1.4.0
            """)

    @Argument(help: "The directory.")
    var directory: String

    @Option(
        help: ArgumentHelp(
            "Let a channel name a version; may be repeated.", valueName: "model:channel=version"))
    var channel: [String] = []

    func run() async throws {
        var channels: [(model: String, channel: String, version: String)] = []
        for text in channel {
            let halves = text.split(separator: "=", maxSplits: 1).map(String.init)
            let left = halves.first?.split(separator: ":", maxSplits: 1).map(String.init) ?? []
            guard halves.count == 2, left.count == 2 else {
                throw ValidationError("--channel \(text): expected model:channel=version.")
            }
            channels.append((left[0], left[1], halves[1]))
        }
        for line in try ModelIndex.write(directory: directory, channels: channels) { print(line) }
    }
}
