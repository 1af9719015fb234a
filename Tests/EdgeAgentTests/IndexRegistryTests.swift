import Foundation
import TestSupport
import Testing

@testable import EdgeAgent

@Suite("Directories and web servers with an index")
struct IndexRegistryTests {
    private let directory: TemporaryDirectory
    private var base: String { directory.file("models") }

    init() throws { directory = try TemporaryDirectory("index") }

    /// Puts a bundle under `models/level/<version>`.
    private func place(_ version: String, seed: UInt64? = nil) throws {
        let target = "\(base)/level/\(version)"
        try FileManager.default.createDirectory(
            atPath: "\(base)/level", withIntermediateDirectories: true)
        let source =
            try seed.map {
                try RegistryTesting.largeBundle(bytes: 200_000, seed: $0, in: directory)
            }
            ?? TestAgent.levelBundle
        try FileManager.default.copyItem(atPath: source, toPath: target)
    }

    private func contents(_ version: String) throws -> [String: [UInt8]] {
        try RegistryTesting.contents(of: "\(base)/level/\(version)")
    }

    private var stick: DirectoryRegistry {
        DirectoryRegistry(RegistryTesting.configuration(.directory) { $0.path = base })
    }

    @Test("A stick with <model>/<version>/ gives a version, and without one the highest")
    func plainDirectory() throws {
        try place("1.9.0")
        try place("1.10.0", seed: 1)
        #expect(
            try RegistryTesting.pull(stick, "level:1.9.0", into: directory.file("a"))
                == contents("1.9.0"))
        #expect(
            try RegistryTesting.pull(stick, "level", into: directory.file("b"))
                == contents("1.10.0"))
        let reference = try RegistryTesting.reference("level")
        let model = try #require(
            try stick.resolve(reference, known: nil, control: DownloadControl()))
        #expect(
            try stick.resolve(reference, known: model.validator, control: DownloadControl()) == nil)
        try place("1.11.0", seed: 2)
        #expect(
            try stick.resolve(reference, known: model.validator, control: DownloadControl()) != nil)
    }

    @Test("A stick that is not there, or holds something else, is said so")
    func wrongDirectory() throws {
        func kind(_ reference: String) throws -> RegistryError {
            try RegistryTesting.kind {
                _ = try RegistryTesting.pull(stick, reference, into: directory.file("x"))
            }
        }
        let absent = try kind("level:1.0.0")
        #expect(absent.kind == .unreachable && absent.isTransient, "\(absent)")
        try place("1.0.0")
        #expect(try kind("level:2.0.0").kind == .notFound)
        #expect(try kind("other").kind == .notFound)
        try FileManager.default.createSymbolicLink(
            atPath: "\(base)/level/1.0.0/LICENSE", withDestinationPath: "/etc/passwd")
        #expect(try kind("level:1.0.0").message.contains("no plain file"))
    }

    @Test("A file that changes on the stick while it is copied is corrupt")
    func changedFile() throws {
        try place("1.0.0")
        let model = try #require(
            try stick.resolve(
                RegistryTesting.reference("level:1.0.0"), known: nil, control: DownloadControl()))
        try Data(repeating: 1, count: 10).write(
            to: URL(fileURLWithPath: "\(base)/level/1.0.0/model.tflite"))
        let error = try RegistryTesting.kind {
            try stick.download(
                model, into: PartialDownload(path: directory.file("x")), control: DownloadControl())
        }
        #expect(error.kind == .corrupt || error.kind == .unreachable, "\(error)")
    }

    @Test(
        "model index writes an index whose channels stay and move; stick and web server follow it")
    func index() throws {
        try place("1.0.0")
        try place("1.1.0", seed: 3)
        _ = try ModelIndex.write(
            directory: base, channels: [("level", "stable", "1.0.0"), ("level", "next", "1.1.0")])
        let server = try TestHTTPServer.files(base)
        let web = IndexRegistry(RegistryTesting.configuration(.https, server.url))
        func check(_ reference: String, _ version: String) throws {
            let expected = try contents(version)
            for (name, files) in [
                ("web", try RegistryTesting.pull(web, reference, into: directory.file("web"))),
                (
                    "stick",
                    try RegistryTesting.pull(stick, reference, into: directory.file("stick"))
                ),
            ] { #expect(files == expected, "\(name)") }
        }
        try check("level:stable", "1.0.0")
        try check("level:1.1.0", "1.1.0")
        try check("level", "1.1.0")
        let reference = try RegistryTesting.reference("level:stable")
        let known = try #require(
            try web.resolve(reference, known: nil, control: DownloadControl())?.validator)
        #expect(try web.resolve(reference, known: known, control: DownloadControl()) == nil)
        // Another channel moves: the index is new, this channel is not.
        _ = try ModelIndex.write(directory: base, channels: [("level", "next", "1.0.0")])
        #expect(try web.resolve(reference, known: known, control: DownloadControl()) == nil)
        let lines = try ChildProcess.run(
            try TestAgent.executable(),
            ["model", "index", base, "--channel", "level:stable=1.1.0"])
        #expect(lines.contains("level:stable -> 1.1.0") && lines.contains("level:next -> 1.0.0"))
        #expect(try web.resolve(reference, known: known, control: DownloadControl()) != nil)
        try check("level:stable", "1.1.0")
        let error = try RegistryTesting.kind {
            _ = try ModelIndex.write(directory: base, channels: [("level", "stable", "3.0.0")])
        }
        #expect(error.kind == .notFound)
    }

    @Test(
        "A file that was begun on a web server is gone on with; one that was changed there is refused"
    )
    func resume() throws {
        try place("1.0.0", seed: 4)
        _ = try ModelIndex.write(directory: base, channels: [])
        let server = try TestHTTPServer.files(base)
        let web = IndexRegistry(RegistryTesting.configuration(.https, server.url))
        let model = try #require(try contents("1.0.0")["model.tflite"])
        let partial = directory.file("partial")
        try FileManager.default.createDirectory(
            atPath: partial, withIntermediateDirectories: true)
        try Data(model[..<150_000]).write(
            to: URL(fileURLWithPath: "\(partial)/.model.tflite.part"))
        #expect(
            try RegistryTesting.pull(web, "level:1.0.0", into: partial) == contents("1.0.0"))
        let ranges = server.requests.all.compactMap { $0.headers["range"] }
        #expect(ranges == ["bytes=150000-"])
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: "\(base)/level/1.0.0/model.tflite"))
        let error = try RegistryTesting.kind {
            _ = try RegistryTesting.pull(web, "level:1.0.0", into: directory.file("other"))
        }
        #expect(error.kind == .corrupt, "\(error)")
    }

    @Test(
        "Indexes that lead elsewhere are refused",
        arguments: [
            ("../..", "model.tflite"), ("/etc", "passwd"), ("level/../..", "x"), ("level", "../x"),
            ("http://127.0.0.1/a", "x"), ("", "x"),
        ])
    func wrongIndex(path: String, name: String) throws {
        let digest = SHA256Digest(of: [1]).hexadecimal
        let text = """
            {"schemaVersion": 1, "models": [{"name": "level", "versions": [{"version": "1.0.0",
            "path": "\(path)", "files": [{"name": "\(name)", "size": 1, "sha256": "\(digest)"}]}]}]}
            """
        let error = try RegistryTesting.kind {
            _ = try ModelIndex(parsing: Array(text.utf8), from: "index")
        }
        #expect(error.kind == .protocolViolation, "\(error)")
    }
}
