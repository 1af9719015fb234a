import EdgeAgent
import Foundation
import TestSupport
import Testing

/// The file that is installed, config/edge-agent.yaml.
enum ConfigurationSample {
    static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static func text() throws -> String {
        try String(
            contentsOf: repository.appendingPathComponent("config/edge-agent.yaml"), encoding: .utf8
        )
    }

    /// The file with every setting that stands behind a `#` taken in: prose has a space there.
    static func uncommented() throws -> String {
        try text().split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let indentation = line.prefix { $0 == " " }
            let rest = line.dropFirst(indentation.count)
            guard rest.hasPrefix("#"), !rest.hasPrefix("# "), rest != "#" else {
                return String(line)
            }
            return String(indentation + rest.dropFirst())
        }.joined(separator: "\n")
    }
}

@Suite("The configuration's documentation")
struct ConfigurationReferenceTests {
    @Test("the installed file is read without errors and warnings")
    func installedFile() throws {
        let loaded = try ConfigurationText.read(try ConfigurationSample.text())
        #expect(loaded.warnings.isEmpty)
    }

    @Test("every setting that the installed file shows is one, and every key is shown there")
    func shownSettings() throws {
        let text = try ConfigurationSample.uncommented()
        let loaded = try ConfigurationText.read(text)
        #expect(loaded.warnings.isEmpty)
        func visit(_ keys: [KeyDescription]) {
            for key in keys {
                #expect(text.contains("\(key.name):"), "\(key.name) is not shown")
                visit(key.children)
            }
        }
        visit(ConfigurationReference.keys)
    }

    @Test("docs/configuration.md is what the tables say")
    func markdown() throws {
        let url = ConfigurationSample.repository.appendingPathComponent("docs/configuration.md")
        if ProcessInfo.processInfo.environment["EDGE_AGENT_UPDATE_DOCS"] != nil {
            try ConfigurationReference.markdown.write(to: url, atomically: true, encoding: .utf8)
        }
        #expect(
            try String(contentsOf: url, encoding: .utf8) == ConfigurationReference.markdown,
            "EDGE_AGENT_UPDATE_DOCS=1 swift test --filter markdown writes it anew")
    }

    @Test("the commands print the schema and the reference, and take the installed file")
    func commands() throws {
        let executable = try TestAgent.executable()
        let schema = try ChildProcess.run(executable, ["config", "schema"])
        #expect(schema.joined(separator: "\n") + "\n" == ConfigurationReference.jsonSchema)
        let reference = try ChildProcess.run(executable, ["config", "reference"])
        #expect(reference.joined(separator: "\n") + "\n" == ConfigurationReference.markdown)
        let installed = ConfigurationSample.repository.appendingPathComponent("config")
        // The bundle that it names is where the package puts it; conf.d and the environment go over the file.
        let directory = try TemporaryDirectory("installed")
        try directory.write(try ConfigurationSample.text(), to: "edge-agent.yaml")
        try FileManager.default.createDirectory(
            atPath: directory.file("conf.d"), withIntermediateDirectories: false)
        let pipeline = "pipelines: [{ name: pumps, model: \(installed.path)/demo/bundle }]\n"
        try directory.write(pipeline, to: "conf.d/10-bundle.yaml")
        let check = try ChildProcess(
            executable, ["check", "--offline", "--config", directory.file("edge-agent.yaml")],
            environment: ["EDGE_AGENT_PIPELINES_PUMPS_BUDGET": "40ms"])
        check.closeInput()
        #expect(try check.waitForExit() == .code(0), "\(check.transcript)")
        #expect(check.output.all.contains { $0.contains(" of 20000 µs") }, "\(check.transcript)")
        #expect(check.output.all.last?.hasSuffix("edge-agent.yaml: valid") == true)
    }

    @Test("every key says in one line what it is, and optional ones what holds without them")
    func completeness() {
        func visit(_ keys: [KeyDescription], _ path: String) {
            for key in keys {
                #expect(!key.summary.isEmpty && !key.summary.hasSuffix("."), "\(path).\(key.name)")
                if key.children.isEmpty {
                    #expect(key.isRequired == (key.defaultText == nil), "\(path).\(key.name)")
                }
                visit(key.children, "\(path).\(key.name)")
            }
        }
        visit(ConfigurationReference.keys, "")
    }

    @Test(
        "the JSON Schema is one, takes the installed file, and refuses what the reader refuses",
        .enabled(
            if: EventPython.has("jsonschema", "yaml"),
            "Python's jsonschema and yaml are not installed"))
    func schema() throws {
        let directory = try TemporaryDirectory()
        let schema = try directory.write(ConfigurationReference.jsonSchema, to: "schema.json")
        let full = try directory.write(ConfigurationSample.uncommented(), to: "full.yaml")
        let wrong = [
            ConfigurationText.broker("port: 70000"), ConfigurationText.broker("prot: 1"),
            ConfigurationText.broker("keepAlive: 30"), ConfigurationText.minimal + "\nx: 1\n",
            ConfigurationText.pipeline("onOverrun: never"), "agent: {id: x}\n",
        ]
        var paths = [full]
        for (index, text) in wrong.enumerated() {
            paths.append(try directory.write(text, to: "wrong\(index).yaml"))
        }
        let script = """
            import json, sys, jsonschema, yaml
            schema = json.load(open(sys.argv[1]))
            jsonschema.Draft202012Validator.check_schema(schema)
            validator = jsonschema.Draft202012Validator(schema)
            for path in sys.stdin.read().split():
                print("valid" if validator.is_valid(yaml.safe_load(open(path))) else "invalid")
            """
        let result = try EventPython.run(script, schema, input: paths.joined(separator: "\n"))
        #expect(
            result.output.split(separator: "\n").map(String.init)
                == ["valid"] + wrong.map { _ in "invalid" })
    }
}
