import EdgeAgent
import Testing

/// A configuration that is wrong, and every line that has to be said about it.
struct BrokenConfiguration: Sendable, CustomTestStringConvertible {
    var text: String
    var lines: [String]

    init(_ text: String, _ lines: String...) {
        self.text = text
        self.lines = lines
    }

    var testDescription: String { lines.first ?? "no lines" }
}

@Suite("Broken configurations")
struct ConfigurationErrorTests {
    @Test("are refused as YAML, with the place", arguments: notYAML)
    func yaml(broken: BrokenConfiguration) {
        #expect(ConfigurationText.lines(broken.text) == broken.lines)
    }

    @Test("are told key by key what is wrong and what is expected", arguments: wrongKeys)
    func keys(broken: BrokenConfiguration) {
        #expect(ConfigurationText.lines(broken.text) == broken.lines)
    }

    static let notYAML = [
        BrokenConfiguration(
            "", "edge-agent.yaml: is empty: expected at least brokers and pipelines"),
        BrokenConfiguration(
            "# nothing\n---\n", "edge-agent.yaml: is empty: expected at least brokers and pipelines"
        ),
        BrokenConfiguration(
            "- a\n", "edge-agent.yaml:1:1: expected a mapping, found a list"),
        BrokenConfiguration(
            "agent:\n\tid: x\n",
            "edge-agent.yaml:2:1: a tab stands here: YAML is indented with spaces alone"),
        BrokenConfiguration(
            "agent: {id: x\nbrokers: y\n",
            "edge-agent.yaml:2:8: did not find expected ',' or '}' while parsing a flow mapping at line 1"
        ),
        BrokenConfiguration(
            "agent: [a, b\n",
            "edge-agent.yaml:2:1: did not find expected ',' or ']' while parsing a flow sequence at line 1"
        ),
        BrokenConfiguration(
            "pipelines:\n- {name: p, topics: [a/{asset}]}\n",
            "edge-agent.yaml:2:24: '{' begins a mapping here: put quotes around a text that contains it"
        ),
        BrokenConfiguration(
            "agent: \"x\n",
            "edge-agent.yaml:2:1: found unexpected end of stream while scanning a quoted scalar at line 1"
        ),
        BrokenConfiguration(
            "a: b: c\n", "edge-agent.yaml:1:5: mapping values are not allowed in this context"),
        BrokenConfiguration(
            "agent: {}\n---\nagent: {}\n",
            "edge-agent.yaml:2:1: a second document begins here; one file is one document"),
        BrokenConfiguration(
            "agent: !!map {}\n",
            "edge-agent.yaml:1:8: tag 'tag:yaml.org,2002:map': tags have no meaning here"),
        BrokenConfiguration(
            "agent: *missing\n",
            "edge-agent.yaml:1:8: alias '*missing' has no anchor before it"),
        BrokenConfiguration(
            "? [a]\n: b\n", "edge-agent.yaml:1:3: a key must be a plain text"),
    ]

    static let wrongKeys = [
        BrokenConfiguration(
            "brokers:\n  plant:\n    prot: 5\npipelines: []\n",
            "edge-agent.yaml:3:5: brokers.plant.prot: unknown key; did you mean 'port'?",
            "edge-agent.yaml:3:5: brokers.plant.host: missing: expected a host name or address",
            "edge-agent.yaml:4:12: pipelines: is empty: expected at least one entry"),
        BrokenConfiguration(
            "agent: {id: x}\n",
            "edge-agent.yaml:1:1: brokers: missing: expected a mapping",
            "edge-agent.yaml:1:1: pipelines: missing: expected a list of mappings"),
        BrokenConfiguration(
            ConfigurationText.broker("port: abc", "port: 5"),
            "edge-agent.yaml:5:5: brokers.plant.port: stands here a second time;"
                + " the first is at edge-agent.yaml:4:5",
            "edge-agent.yaml:4:11: brokers.plant.port: expected an integer, found 'abc'"),
        BrokenConfiguration(
            ConfigurationText.broker("port: 70000"),
            "edge-agent.yaml:4:11: brokers.plant.port: must be 1 to 65535, is 70000"),
        BrokenConfiguration(
            ConfigurationText.broker("port: \"1883\""),
            "edge-agent.yaml:4:11: brokers.plant.port: expected an integer, found the text '1883'"),
        BrokenConfiguration(
            ConfigurationText.broker("port: 01883"),
            "edge-agent.yaml:4:11: brokers.plant.port: expected an integer, found '01883'"),
        BrokenConfiguration(
            ConfigurationText.broker("port: 99999999999999999999"),
            "edge-agent.yaml:4:11: brokers.plant.port: must be 1 to 65535, is 99999999999999999999"
        ),
        BrokenConfiguration(
            ConfigurationText.broker("port:"),
            "edge-agent.yaml:4:10: brokers.plant.port: has no value: expected an integer"),
        BrokenConfiguration(
            ConfigurationText.broker("cleanStart: yes"),
            "edge-agent.yaml:4:17: brokers.plant.cleanStart: expected true or false, found 'yes'"),
        BrokenConfiguration(
            ConfigurationText.broker("cleanStart: \"true\""),
            "edge-agent.yaml:4:17: brokers.plant.cleanStart: expected true or false,"
                + " found the text 'true'"),
        BrokenConfiguration(
            ConfigurationText.broker("keepAlive: 30"),
            "edge-agent.yaml:4:16: brokers.plant.keepAlive:"
                + " expected a duration such as 20ms, 1.5s, 5m, 2h or 30d, found '30'"),
        BrokenConfiguration(
            ConfigurationText.broker("keepAlive: 2s"),
            "edge-agent.yaml:4:16: brokers.plant.keepAlive: must be 5s to 65535s, is 2s"),
        BrokenConfiguration(
            ConfigurationText.broker("keepAlive: 7.5s"),
            "edge-agent.yaml:4:16: brokers.plant.keepAlive: must be whole seconds, is 7500ms"),
        BrokenConfiguration(
            ConfigurationText.broker("maximumPacketBytes: 1000000"),
            "edge-agent.yaml:4:25: brokers.plant.maximumPacketBytes:"
                + " expected a size such as 64KiB or 100MB, found '1000000'"),
        BrokenConfiguration(
            ConfigurationText.broker("protocol: 4"),
            "edge-agent.yaml:4:15: brokers.plant.protocol: expected one of 5, 3.1.1, found '4'; did you mean '5'?"
        ),
        BrokenConfiguration(
            ConfigurationText.broker("reconnect: 5s"),
            "edge-agent.yaml:4:16: brokers.plant.reconnect: expected a mapping, found '5s'"),
        BrokenConfiguration(
            ConfigurationText.broker("tls:"),
            "edge-agent.yaml:4:9: brokers.plant.tls: has no value: expected a mapping"),
        BrokenConfiguration(
            ConfigurationText.broker("passwordFile: \"a\\nb\""),
            "edge-agent.yaml:4:19: brokers.plant.passwordFile: must not contain control characters",
            "edge-agent.yaml:4:19: brokers.plant.passwordFile: needs username beside it"),
        BrokenConfiguration(
            ConfigurationText.broker("username: u", "passwordFile: ${NOWHERE}/p"),
            "edge-agent.yaml:5:19: brokers.plant.passwordFile: the environment variable NOWHERE"
                + " does not hold an absolute path"),
        BrokenConfiguration(
            ConfigurationText.broker("password: hunter2"),
            "edge-agent.yaml:4:5: brokers.plant.password: unknown key;"
                + " did you mean 'passwordFile'?"),
        BrokenConfiguration(
            ConfigurationText.minimal + "\nbudget: 20ms\n",
            "edge-agent.yaml:8:1: budget: unknown key; it belongs to 'pipelines[].budget'"),
        BrokenConfiguration(
            ConfigurationText.minimal + "\nxyz: 1\n",
            "edge-agent.yaml:8:1: xyz: unknown key; known here: agent, brokers, sensors, uplink,"
                + " inference, registries, outbox, restart, status, http, updates, pipelines"),
        BrokenConfiguration(
            ConfigurationText.minimal + "\noutbox: {maximum_bytes: 1MB}\n",
            "edge-agent.yaml:8:10: outbox.maximum_bytes: unknown key;"
                + " did you mean 'maximumBytes'?"),
        BrokenConfiguration(
            ConfigurationText.pipeline("inferenceShare: 1.5"),
            "edge-agent.yaml:8:21: pipelines[0].inferenceShare: must be 0.01 to 1, is 1.5"),
        BrokenConfiguration(
            ConfigurationText.pipeline("inferenceShare: .nan"),
            "edge-agent.yaml:8:21: pipelines[0].inferenceShare: expected a number, found '.nan'"),
        BrokenConfiguration(
            ConfigurationText.pipeline("onOverrun: colaesce"),
            "edge-agent.yaml:8:16: pipelines[0].onOverrun: expected one of coalesce, drop, evaluate,"
                + " found 'colaesce'; did you mean 'coalesce'?"),
        BrokenConfiguration(
            ConfigurationText.pipeline("payload: {channels: {a: b..c}}"),
            "edge-agent.yaml:8:29: pipelines[0].payload.channels.a: path 'b..c':"
                + " empty component at character 3"),
        BrokenConfiguration(
            ConfigurationText.minimal.replacing("plant/{site}/pump/{asset}", with: "a/#/{asset}"),
            "edge-agent.yaml:6:14: pipelines[0].topics[0]: topic filter 'a/#/{asset}/vibration':"
                + " byte 2: '#' must be the last level"),
        BrokenConfiguration(
            ConfigurationText.minimal.replacing(
                "topics: [\"plant/{site}/pump/{asset}/vibration\"]", with: "topics: a/b"),
            "edge-agent.yaml:6:13: pipelines[0].topics: expected a list, each entry a topic filter"
                + " such as plant/{site}/pump/{asset}/vibration, found 'a/b'"),
        BrokenConfiguration(
            ConfigurationText.pipeline("alerts: {topic: \"a/{pipline}/{asset}\"}"),
            "edge-agent.yaml:8:21: pipelines[0].alerts.topic: topic 'a/{pipline}/{asset}':"
                + " byte 2: 'pipline' is unknown here; known are agent, pipeline, asset"),
        BrokenConfiguration(
            ConfigurationText.pipeline("state: {topic: edge/state}"),
            "edge-agent.yaml:8:20: pipelines[0].state.topic: topic 'edge/state':"
                + " must contain {asset}"),
        BrokenConfiguration(
            ConfigurationText.minimal.replacing("name: pumps", with: "name: a/b"),
            "edge-agent.yaml:5:11: pipelines[0].name: must be at most 64 letters, digits, '.', '_'"
                + " or '-', the first a letter or digit, is 'a/b'"),
        BrokenConfiguration(
            ConfigurationText.minimal.replacing("plant:", with: "\"pla nt\":"),
            "edge-agent.yaml:2:3: brokers.pla nt: a name must be at most 64 letters, digits, '.',"
                + " '_' or '-', the first a letter or digit"),
    ]

    @Test("with a hundred faults and more say how many more there are")
    func bounded() {
        let text = ConfigurationText.minimal + "\n" + (0..<150).map { "x\($0): 1\n" }.joined()
        let lines = ConfigurationText.lines(text)
        #expect(lines.count == ConfigurationDiagnostics.limit + 1)
        #expect(lines.last == "and 50 more")
    }

    @Test("never show a control character or more than a line of what they found")
    func excerpts() {
        let value = String(repeating: "y", count: 10_000)
        let lines = ConfigurationText.lines(
            ConfigurationText.broker("port: \"\\e[31m\(value)\"", "\"\\u202Ekey\\u0007\": 1"))
        #expect(lines.count == 2)
        for line in lines {
            #expect(line.utf8.count < 300)
            #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 })
        }
    }

    @Test("without a host name that may be an id ask for one")
    func hostName() {
        #expect(
            ConfigurationText.lines(ConfigurationText.minimal, hostName: "a b") == [
                "edge-agent.yaml:1:1: agent.id: missing, and the host name 'a b' cannot stand for"
                    + " it: expected at most 64 letters, digits, '.', '_' or '-'"
            ])
    }
}
