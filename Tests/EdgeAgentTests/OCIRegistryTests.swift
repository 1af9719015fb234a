import EdgeAgent
import Foundation
import TestSupport
import Testing

@Suite(
    "OCI registry",
    .enabled(if: TestRegistry.isAvailable, Comment(rawValue: RegistryTesting.skipReason)))
struct OCIRegistryTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("oci") }

    @Test(
        "A bundle that was pushed comes back file by file, under its version, its channel and its digest"
    )
    func roundTrip() throws {
        let server = try TestRegistry()
        let report = try RegistryTesting.push(
            TestAgent.levelBundle, to: server, "models/level", ["1.0.0", "stable"])
        let registry = OCIRegistry(RegistryTesting.configuration(.oci, server.url))
        for selector in [":1.0.0", ":stable", "@\(report.manifestDigest)", ""] {
            let files = try RegistryTesting.pull(
                registry, "models/level\(selector)", into: directory.file("pull\(selector.count)"))
            #expect(files == (try RegistryTesting.levelContents))
        }
        // Again: nothing new is uploaded, and the digest is the same.
        let again = try RegistryTesting.push(
            TestAgent.levelBundle, to: server, "models/level", ["1.0.0"])
        #expect(again.manifestDigest == report.manifestDigest)
        #expect(again.skippedBlobs == (try RegistryTesting.levelContents.count) + 1)
    }

    @Test(
        "A reference without a tag means the highest version; pre-releases, channels and signatures are none"
    )
    func newest() throws {
        let server = try TestRegistry()
        let large = try RegistryTesting.largeBundle(bytes: 1000, seed: 1, in: directory)
        try RegistryTesting.push(
            TestAgent.levelBundle, to: server, "models/level",
            ["1.2.0", "1.9.0", "2.0.0-rc.1", "stable", "sha256-abc.sig"])
        let newest = try RegistryTesting.push(large, to: server, "models/level", ["1.10.0"])
        let registry = OCIRegistry(RegistryTesting.configuration(.oci, server.url))
        let model = try registry.resolve(
            RegistryTesting.reference("models/level"), known: nil, control: DownloadControl())
        #expect(model?.origin.hasSuffix("@\(newest.manifestDigest)") == true)
    }

    @Test(
        "A poll of a signed model whose tag did not move is one request that is answered with 304")
    func conditionalPoll() throws {
        let server = try TestRegistry()
        let bundle = try RegistryTesting.largeBundle(bytes: 10, seed: 2, in: directory)
        try Data("{}".utf8).write(to: URL(fileURLWithPath: "\(bundle)/model.sig"))
        try RegistryTesting.push(bundle, to: server, "models/level", ["stable"])
        let relay = try TestRelay(to: server.port)
        let registry = OCIRegistry(
            RegistryTesting.configuration(.oci, "http://127.0.0.1:\(relay.port)"))
        let reference = try RegistryTesting.reference("models/level:stable")
        let first = try #require(
            try registry.resolve(reference, known: nil, control: DownloadControl()))
        let before = relay.carriedBytes
        #expect(
            try registry.resolve(reference, known: first.validator, control: DownloadControl())
                == nil)
        #expect(relay.carriedBytes - before < 600)
        try RegistryTesting.push(TestAgent.levelBundle, to: server, "models/level", ["stable"])
        let moved = try registry.resolve(
            reference, known: first.validator, control: DownloadControl())
        #expect(moved != nil && moved?.validator != first.validator)
    }

    @Test("A download that was cut goes on where it was: no byte is fetched twice")
    func resume() throws {
        let server = try TestRegistry()
        let size = 3_000_000
        let bundle = try RegistryTesting.largeBundle(bytes: size, seed: 3, in: directory)
        try RegistryTesting.push(bundle, to: server, "models/level", ["1.0.0"])
        let direct = OCIRegistry(RegistryTesting.configuration(.oci, server.url))
        let model = try #require(
            try direct.resolve(
                RegistryTesting.reference("models/level:1.0.0"), known: nil,
                control: DownloadControl()))
        let relay = try TestRelay(to: server.port) { $0 < 2 ? 1_000_000 : nil }
        let registry = OCIRegistry(
            RegistryTesting.configuration(.oci, "http://127.0.0.1:\(relay.port)"))
        let partial = PartialDownload(path: directory.file("partial"))
        var transferred: UInt64 = 0
        for _ in 0..<2 {
            let control = DownloadControl()
            let error = try RegistryTesting.kind {
                try registry.download(model, into: partial, control: control)
            }
            #expect(error.kind == .unreachable && error.isTransient, "\(error)")
            transferred += control.transferredBytes
        }
        let control = DownloadControl()
        try registry.download(model, into: partial, control: control)
        #expect(
            try RegistryTesting.contents(of: partial.path) == RegistryTesting.contents(of: bundle))
        let total = try #require(model.totalBytes)
        #expect(control.presentBytes == total)
        #expect(transferred > 0 && transferred + control.transferredBytes == total)
    }

    @Test("A registry that is killed in the middle and comes back is gone on with")
    func killedRegistry() throws {
        let server = try TestRegistry()
        // More than the kernel's buffers hold of a connection whose server is gone.
        let size = 24_000_000
        let bundle = try RegistryTesting.largeBundle(bytes: size, seed: 4, in: directory)
        try RegistryTesting.push(bundle, to: server, "models/level", ["1.0.0"])
        let registry = OCIRegistry(RegistryTesting.configuration(.oci, server.url))
        let model = try #require(
            try registry.resolve(
                RegistryTesting.reference("models/level:1.0.0"), known: nil,
                control: DownloadControl()))
        // Slow enough that the registry is killed within the large file.
        let control = DownloadControl(
            limits: DownloadControl.Limits(reservedBytes: 0, bytesPerSecond: 4_000_000))
        let partial = PartialDownload(path: directory.file("partial"))
        let failure = EventLog<String>()
        Thread.detachNewThread {
            do {
                try registry.download(model, into: partial, control: control)
                failure.append("done")
            } catch {
                failure.append("\(error)")
            }
        }
        while control.transferredBytes < 300_000, failure.count == 0 { usleep(2_000) }
        try server.killAndRestart()
        let text = try failure.wait(for: "the end of the download") { !$0.isEmpty }[0]
        #expect(text.contains("127.0.0.1"), "\(text)")
        let second = DownloadControl()
        try registry.download(model, into: partial, control: second)
        #expect(
            try RegistryTesting.contents(of: partial.path) == RegistryTesting.contents(of: bundle))
        #expect(second.transferredBytes < UInt64(size))
    }

    @Test(
        "A blob that is corrupt on the registry's disk is refused, although its header names the right digest"
    )
    func corruptBlob() throws {
        let server = try TestRegistry()
        try RegistryTesting.push(TestAgent.levelBundle, to: server, "models/level", ["1.0.0"])
        let model = try #require(try RegistryTesting.levelContents["model.tflite"])
        let path = server.blobPath(SHA256Digest(of: model).hexadecimal)
        var changed = model
        changed[changed.count / 2] ^= 1
        try Data(changed).write(to: URL(fileURLWithPath: path))
        let registry = OCIRegistry(RegistryTesting.configuration(.oci, server.url))
        let corrupt = try RegistryTesting.kind {
            _ = try RegistryTesting.pull(registry, "models/level:1.0.0", into: directory.file("a"))
        }
        #expect(corrupt.kind == .corrupt, "\(corrupt)")
        #expect(!FileManager.default.fileExists(atPath: directory.file("a/model.tflite")))
        // Truncated: the registry announces the shorter length.
        try Data(model.dropLast(10)).write(to: URL(fileURLWithPath: path))
        let truncated = try RegistryTesting.kind {
            _ = try RegistryTesting.pull(registry, "models/level:1.0.0", into: directory.file("b"))
        }
        #expect(truncated.kind == .corrupt, "\(truncated)")
        // The registry is mended: what is there is gone on with.
        try Data(model).write(to: URL(fileURLWithPath: path))
        #expect(
            try RegistryTesting.pull(registry, "models/level:1.0.0", into: directory.file("a"))
                == RegistryTesting.levelContents)
    }

    @Test("A part that is corrupt on the box's own disk is thrown away and fetched again")
    func corruptPart() throws {
        let server = try TestRegistry()
        try RegistryTesting.push(TestAgent.levelBundle, to: server, "models/level", ["1.0.0"])
        let registry = OCIRegistry(RegistryTesting.configuration(.oci, server.url))
        let partial = directory.file("partial")
        try FileManager.default.createDirectory(
            atPath: "\(partial)/stranger", withIntermediateDirectories: true)
        try Data(repeating: 1, count: 100).write(
            to: URL(fileURLWithPath: "\(partial)/.model.tflite.part"))
        try Data(repeating: 1, count: 100).write(to: URL(fileURLWithPath: "\(partial)/bundle.json"))
        try Data(repeating: 1, count: 100).write(to: URL(fileURLWithPath: "\(partial)/other.json"))
        #expect(
            try RegistryTesting.pull(registry, "models/level:1.0.0", into: partial)
                == RegistryTesting.levelContents)
    }

    @Test(
        "A tag that moves between manifest and blob changes nothing: blobs are asked for by digest")
    func movedTag() throws {
        let server = try TestRegistry()
        try RegistryTesting.push(TestAgent.levelBundle, to: server, "models/level", ["stable"])
        let registry = OCIRegistry(RegistryTesting.configuration(.oci, server.url))
        let model = try #require(
            try registry.resolve(
                RegistryTesting.reference("models/level:stable"), known: nil,
                control: DownloadControl()))
        let other = try RegistryTesting.largeBundle(bytes: 1000, seed: 5, in: directory)
        try RegistryTesting.push(other, to: server, "models/level", ["stable"])
        let partial = PartialDownload(path: directory.file("partial"))
        try registry.download(model, into: partial, control: DownloadControl())
        #expect(try RegistryTesting.contents(of: partial.path) == RegistryTesting.levelContents)
    }

    @Test("Two boxes' caches: the mirror is asked first, and when it is away the registry itself")
    func mirror() throws {
        let upstream = try TestRegistry()
        try RegistryTesting.push(TestAgent.levelBundle, to: upstream, "models/level", ["1.0.0"])
        let cache = try TestRegistry(top: "proxy: {remoteurl: \"\(upstream.url)\"}")
        let relay = try TestRelay(to: upstream.port)
        let registry = OCIRegistry(
            RegistryTesting.configuration(.oci, "http://127.0.0.1:\(relay.port)") {
                $0.mirrors = [cache.url]
            })
        let expected = try RegistryTesting.levelContents
        #expect(
            try RegistryTesting.pull(registry, "models/level:1.0.0", into: directory.file("a"))
                == expected)
        #expect(relay.carriedBytes == 0)
        try cache.stop()
        #expect(
            try RegistryTesting.pull(registry, "models/level:1.0.0", into: directory.file("b"))
                == expected)
        #expect(relay.carriedBytes > 0)
    }

    @Test("Unknown repositories and tags are not found, and the error names the address")
    func notFound() throws {
        let server = try TestRegistry()
        let registry = OCIRegistry(RegistryTesting.configuration(.oci, server.url))
        for reference in ["models/none", "models/none:1.0.0"] {
            let error = try RegistryTesting.kind {
                _ = try RegistryTesting.pull(registry, reference, into: directory.file("x"))
            }
            #expect(error.kind == .notFound && error.message.contains(server.address), "\(error)")
        }
    }
}
