import EdgeAgent
import Foundation
import TestSupport
import Testing

@Suite("Secrets in files")
struct ConfigurationSecretTests {
    private func load(_ passwordFile: String) throws -> LoadedConfiguration {
        try ConfigurationText.read(
            ConfigurationText.broker("username: u", "passwordFile: \"\(passwordFile)\""))
    }

    @Test(
        "lose the end of line that editors add, and nothing else",
        arguments: [
            ("secret\n", "secret"), ("secret", "secret"), ("secret\r\n", "secret"),
            (" se cret \n\n", " se cret \n"),
        ])
    func endOfLine(content: String, secret: String) throws {
        let directory = try TemporaryDirectory()
        let read = try load(directory.write(content, to: "password")).readPasswords()
        #expect(read.passwords == ["plant": Array(secret.utf8)])
        #expect(read.warnings.isEmpty)
    }

    @Test("that others can read or the group can write are warned of", arguments: [0o644, 0o620])
    func exposed(permissions: Int) throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("secret", to: "password", permissions: permissions)
        let read = try load(path).readPasswords()
        #expect(
            read.warnings.map(\.description) == [
                "edge-agent.yaml:5:19: warning: brokers.plant.passwordFile: '\(path)' can be read or"
                    + " changed by others: chmod 600"
            ])
    }

    @Test(
        "that cannot be used are named without their content",
        arguments: [
            (nil, "cannot be read: No such file or directory"), ("\n", "is empty"),
            ("hunter2\u{0}", "contains a NUL"),
            (
                String(repeating: "hunter2", count: 10_000),
                "has more than the 65536 bytes that are read"
            ),
        ] as [(String?, String)])
    func unusable(content: String?, reason: String) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("password")
        if let content { try directory.write(content, to: "password") }
        let loaded = try load(path)
        let error = #expect(throws: ConfigurationError.self) { try loaded.readPasswords() }
        #expect(
            try #require(error).description
                == "edge-agent.yaml:5:19: brokers.plant.passwordFile: '\(path)' \(reason)")
    }

    @Test("do not show when printed, described or reflected")
    func hidden() throws {
        let directory = try TemporaryDirectory()
        let secret = try SecretFile(path: directory.write("hunter2", to: "password"))
        var dumped = ""
        dump(secret, to: &dumped)
        for text in [dumped, "\(secret)", String(reflecting: secret)] {
            #expect(!text.contains("hunter2") && !text.contains("104"))
        }
    }
}
