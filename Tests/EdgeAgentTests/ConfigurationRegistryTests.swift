import EdgeAgent
import TestSupport
import Testing

@Suite("The configuration of registries")
struct ConfigurationRegistryTests {
    private static func yaml(_ registry: String) -> String {
        """
        agent: {id: box}
        brokers: {b: {host: localhost}}
        registries: {r: {\(registry)}}
        pipelines: [{name: p, topics: ["a/{asset}"], model: /m}]
        """
    }

    @Test("Each kind is read with its defaults")
    func kinds() throws {
        let loaded = try ConfigurationText.read(
            Self.yaml("type: oci, url: \"https://r.example:5000\", mirrors: [\"http://cache\"]"))
        let registry = try #require(loaded.configuration.registries.first)
        #expect(loaded.warnings.isEmpty && registry.name == "r" && registry.kind == .oci)
        #expect(registry.url == "https://r.example:5000" && registry.mirrors == ["http://cache"])
        for text in ["/media/usb", "\"file:///media/usb\"", "\"file:/media/usb\""] {
            let stick = try ConfigurationText.read(Self.yaml("type: directory, path: \(text)"))
            #expect(stick.configuration.registries.first?.path == "/media/usb")
        }
    }

    @Test(
        "What contradicts itself is an error that says what to do",
        arguments: [
            ("type: oci", "missing: expected a URL"),
            ("type: directory", "missing: expected a dir"),
            ("type: ftp, url: \"https://r\"", "expected one of"),
            ("type: oci, url: \"ftp://r\"", "starts with https://"),
            ("type: oci, url: \"https://me:pw@r\"", "must not hold a user"),
            ("type: oci, url: \"https://r?x=1\"", "without query"),
            ("type: oci, url: \"https://r\", passwordFile: /p", "needs username"),
            ("type: oci, url: \"https://r\", username: a, tokenFile: /p", "takes the place"),
            ("type: mlflow, url: \"https://r\", mirrors: [\"https://c\"]", "no caches"),
            ("type: https, url: \"https://r\", tokenServer: \"https://c\"", "for type oci"),
            ("type: directory, path: /m, username: a", "is not for type directory"),
            ("type: oci, url: \"https://r\", path: /m", "is for type directory"),
            ("type: oci, url: \"https://r\", proxy: \"proxy:3128\"", "must start with http://"),
            ("type: oci, url: \"https://r\", proxy: \"http://a:b@p\"", "must not hold a user"),
            ("type: oci, url: \"https://r\", stallTimeout: 1500ms", "whole seconds"),
            ("type: oci, url: \"https://r\", tls: {certificate: a}", "needs key beside it"),
            ("type: directory, path: \"file://host/m\"", "expected a path"),
        ])
    func errors(registry: String, text: String) {
        let lines = ConfigurationText.lines(Self.yaml(registry))
        #expect(lines.contains { $0.contains(text) }, "\(lines)")
    }

    @Test("A password in clear text over a network is warned of")
    func warning() throws {
        let loaded = try ConfigurationText.read(
            Self.yaml("type: oci, url: \"http://r.example\", username: a, passwordFile: /p"))
        #expect(loaded.warnings.contains { $0.message.contains("clear text") })
    }

    @Test(
        "A registry's secret that is missing or readable by others is warned of, and keeps no agent from starting"
    )
    func secrets() throws {
        let directory = try TemporaryDirectory("secrets")
        let path = try directory.write("s3cret", to: "token", permissions: 0o644)
        for (file, text) in [(path, "can be read"), ("/nowhere/token", "no model comes")] {
            let loaded = try ConfigurationText.read(
                Self.yaml("type: oci, url: \"https://r\", tokenFile: \(file)"))
            let warnings = try loaded.readPasswords().warnings
            #expect(warnings.contains { $0.message.contains(text) }, "\(warnings)")
        }
    }
}
