import Foundation
import TestSupport
import Testing

@testable import EdgeAgent

@Suite(
    "The registry process",
    .enabled(if: TestRegistry.isAvailable, Comment(rawValue: RegistryTesting.skipReason)))
struct RegistryProcessTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("process") }

    @Test(
        "Through a process of its own a bundle comes as it does without, and polls and errors do, too"
    )
    func pull() throws {
        let server = try TestRegistry()
        let bundle = try RegistryTesting.largeBundle(bytes: 1_000_000, seed: 1, in: directory)
        try Data("{}".utf8).write(to: URL(fileURLWithPath: "\(bundle)/model.sig"))
        try RegistryTesting.push(bundle, to: server, "models/level", ["1.0.0"])
        let registry = RegistryProcess(
            RegistryTesting.configuration(.oci, server.url),
            executable: try TestAgent.executable())
        let control = DownloadControl()
        let expected = try RegistryTesting.contents(of: bundle)
        #expect(
            try RegistryTesting.pull(
                registry, "models/level:1.0.0", into: directory.file("a"), control: control)
                == expected)
        let total = expected.values.reduce(0) { $0 + $1.count }
        #expect(control.presentBytes == UInt64(total) && control.transferredBytes == UInt64(total))
        let reference = try RegistryTesting.reference("models/level:1.0.0")
        let model = try #require(
            try registry.resolve(reference, known: nil, control: DownloadControl()))
        #expect(
            try registry.resolve(reference, known: model.validator, control: DownloadControl())
                == nil)
        let error = try RegistryTesting.kind {
            _ = try registry.resolve(
                RegistryTesting.reference("models/none:1"), known: nil, control: DownloadControl())
        }
        #expect(error.kind == .notFound && error.message.contains(server.address))
    }

    @Test("Cancelling ends it soon")
    func cancel() throws {
        let control = DownloadControl()
        let server = try TestHTTPServer { _ in
            .raw { connection in
                connection.write(Array("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".utf8))
                control.cancel()
                connection.waitForEnd()
            }
        }
        let registry = RegistryProcess(
            RegistryTesting.configuration(.oci, server.url),
            executable: try TestAgent.executable())
        let error = try RegistryTesting.kind {
            _ = try registry.resolve(
                RegistryTesting.reference("models/level:1.0.0"), known: nil, control: control)
        }
        #expect(error.kind == .cancelled)
    }

    @Test(
        "A process that is killed in the middle, and one whose agent is gone: the next goes on where it was"
    )
    func killed() throws {
        let server = try TestRegistry()
        let bundle = try RegistryTesting.largeBundle(bytes: 6_000_000, seed: 2, in: directory)
        try RegistryTesting.push(bundle, to: server, "models/level", ["1.0.0"])
        let relay = try TestRelay(to: server.port)
        let configuration = RegistryTesting.configuration(
            .oci, "http://127.0.0.1:\(relay.port)")
        let model = try #require(
            try OCIRegistry(configuration).resolve(
                RegistryTesting.reference("models/level:1.0.0"), known: nil,
                control: DownloadControl()))
        let partial = PartialDownload(path: directory.file("partial"))
        let part = "\(partial.path)/.model.tflite.part"
        func size() -> Int {
            let attributes = try? FileManager.default.attributesOfItem(atPath: part)
            return attributes?[.size] as? Int ?? 0
        }
        for end in [{ (child: ChildProcess) in try child.kill() }, { $0.closeInput() }] {
            let before = size()
            let child = try ChildProcess(try TestAgent.executable(), [RegistryWorker.command])
            let request = RegistryRequest(
                configuration: configuration,
                limits: DownloadControl.Limits(reservedBytes: 0, bytesPerSecond: 300_000),
                call: .download(model, into: partial))
            try child.write(request.json.line)
            let deadline = Date(timeIntervalSinceNow: 20)
            while size() < before + 100_000, child.isRunning, Date() < deadline { usleep(2_000) }
            #expect(size() >= before + 100_000 && size() < 6_000_000, "\(child.transcript)")
            try end(child)
            try child.waitForExit()
        }
        let kept = size()
        // A way of its own: the first may still carry what the ended processes had asked for.
        let last = try TestRelay(to: server.port)
        let control = DownloadControl()
        try RegistryProcess(
            RegistryTesting.configuration(.oci, "http://127.0.0.1:\(last.port)"),
            executable: try TestAgent.executable()
        ).download(model, into: partial, control: control)
        #expect(
            try RegistryTesting.contents(of: partial.path) == RegistryTesting.contents(of: bundle))
        let total = Int(try #require(model.totalBytes))
        let others = total - 6_000_000
        #expect(Int(control.transferredBytes) <= 6_000_000 - kept + others)
        // The heads come on top.
        #expect(last.carriedBytes < 6_000_000 - kept + others + 20_000)
    }

    @Test("A download keeps to its bandwidth")
    func bandwidth() throws {
        let bundle = try RegistryTesting.largeBundle(bytes: 400_000, seed: 5, in: directory)
        let offered = try OfferedArtifact(bundle)
        let loaded = try ConfigurationText.read(
            """
            brokers: {b: {host: localhost}}
            updates: {signature: off, download: {bandwidth: 200KiB, maximumSize: 1MiB, reserve: 1MiB}}
            pipelines: [{name: p, topics: ["a/{asset}"], model: /m}]
            """)
        let limits = try #require(loaded.configuration.updates).download.limits
        #expect(
            limits
                == DownloadControl.Limits(
                    maximumBytes: 1 << 20, reservedBytes: 1 << 20, bytesPerSecond: 200 << 10))
        let registry = RegistryProcess(
            RegistryTesting.configuration(.oci, offered.server.url),
            executable: try TestAgent.executable())
        let start = ContinuousClock.now
        let files = try RegistryTesting.pull(
            registry, "models/level:1.0.0", into: directory.file("slowly"),
            control: DownloadControl(limits: limits))
        // Only that it is no faster: two seconds, less what came before the first look at the clock.
        #expect(ContinuousClock.now - start > .seconds(1))
        #expect(try files == RegistryTesting.contents(of: bundle))
    }

    @Test("Started by hand it says who starts it")
    func byHand() throws {
        let child = try ChildProcess(try TestAgent.executable(), [RegistryWorker.command])
        child.closeInput()
        try child.waitForExit()
        #expect(child.output.all.first?.contains("started by the agent itself") == true)
    }
}
