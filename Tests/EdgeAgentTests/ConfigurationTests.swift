import EdgeAgent
import Foundation
import SensorIO
import TestSupport
import Testing

@Suite("Configurations")
struct ConfigurationTests {
    @Test("as short as may be have every default")
    func defaults() throws {
        let loaded = try ConfigurationText.read(ConfigurationText.minimal)
        let configuration = loaded.configuration
        #expect(loaded.warnings.isEmpty)
        #expect(configuration.agent.id == "box")
        #expect(configuration.agent.stateDirectory == "/var/lib/edge-agent")
        #expect(configuration.outbox.path == "/var/lib/edge-agent/outbox.sqlite")
        let broker = try #require(configuration.brokers.first)
        #expect(broker.name == "plant")
        #expect(broker.effectivePort == 1883)
        #expect(configuration.uplinkBroker == broker)
        let pipeline = try #require(configuration.pipelines.first)
        #expect(configuration.sensorBroker(of: pipeline) == broker)
        #expect(pipeline.topics.map(\.mqttFilter) == ["plant/+/pump/+/vibration"])
        #expect(pipeline.model == "/etc/edge-agent/models/pump")
        #expect(pipeline.payload.description == PayloadDescription())
        #expect(pipeline.inferenceBudget == .milliseconds(10))
        #expect(pipeline.predictions.predictions == .off)
    }

    @Test("say it all")
    func everything() throws {
        let text = """
            agent: {id: a1, stateDirectory: state, logLevel: debug, logFormat: json, lockMemory: true}
            brokers:
              plant: {host: 10.0.0.1, protocol: 3.1.1, cleanStart: true}
              cloud:
                host: mqtt.example
                clientId: station
                username: u
                passwordFile: ${CREDENTIALS_DIRECTORY}/mqtt
                tls: {ca: ca.pem, certificate: /c.pem, key: k.pem, minimumVersion: 1.3}
                keepAlive: 1m
                sessionExpiry: 2h
                receiveMaximum: 7
                sendMaximum: 8
                maximumPacketBytes: 64KiB
                connectTimeout: 1.5s
                reconnect: {initial: 100ms, maximum: 5s}
            sensors: {broker: plant}
            uplink: {broker: cloud}
            outbox: {path: /o.db, maximumBytes: 100MB, maximumAge: 7d, commitDelay: 0s, drainRate: 9}
            pipelines:
              - name: p
                topics: ["a/{site}/{asset}/{channel}"]
                assetKey: "{site}-{asset}"
                qos: 0
                payload:
                  format: jsonObject
                  channelFromTopic: channel
                  value: data.v
                  timestamp: {field: ts, unit: rfc3339}
                  maximumAge: 1h
                  maximumFuture: 0s
                model: /m
                budget: 5ms
                inferenceShare: 0.25
                onOverrun: drop
                alarm: {raiseAbove: 2, clearBelow: 1.5, raiseAfter: 2, clearAfter: 3, reminder: 1h}
                predictions: {mode: sampled, everyNth: 4}
                scheduling: {fifoPriority: 10, processor: 1}
            """
        let loaded = try ConfigurationText.read(
            text, environment: ["CREDENTIALS_DIRECTORY": "/run/credentials/x"])
        let configuration = loaded.configuration
        #expect(loaded.warnings.isEmpty)
        #expect(configuration.agent.stateDirectory == "/etc/edge-agent/state")
        let cloud = try #require(configuration.uplinkBroker)
        #expect(
            cloud.endpoint(agent: "a1", role: "outbox", password: [1])
                == MQTTEndpoint(
                    host: "mqtt.example", port: 8883, protocolVersion: .v5,
                    clientIdentifier: "station-outbox", username: "u", password: [1],
                    tls: MQTTTransportSecurity(
                        certificateAuthorityFile: "/etc/edge-agent/ca.pem",
                        usesSystemAuthorities: false, clientCertificateFile: "/c.pem",
                        clientKeyFile: "/etc/edge-agent/k.pem", minimumVersion: .v13),
                    keepAliveSeconds: 60, sessionExpirySeconds: 7200, cleanStart: false,
                    receiveMaximum: 7, sendMaximum: 8, maximumPacketBytes: 65_536,
                    reconnect: BackoffPolicy(
                        initialNanoseconds: 100_000_000, maximumNanoseconds: 5_000_000_000),
                    connectTimeoutNanoseconds: 1_500_000_000))
        #expect(cloud.passwordFile == "/run/credentials/x/mqtt")
        #expect(configuration.outbox.maximumBytes == 100_000_000)
        #expect(configuration.outbox.maximumAge == .seconds(7 * 86_400))
        #expect(configuration.outbox.commitDelay == .zero)
        let pipeline = try #require(configuration.pipelines.first)
        #expect(configuration.sensorBroker(of: pipeline)?.name == "plant")
        #expect(pipeline.qualityOfService == .atMostOnce)
        #expect(
            pipeline.payload.description
                == PayloadDescription(
                    channels: .topicCapture("channel", value: try PayloadPath("data.v")),
                    timestamp: .field(try PayloadPath("ts"), unit: .rfc3339),
                    clockRange: AcceptableClockRange(
                        maximumAgeNanoseconds: 3_600_000_000_000, maximumFutureNanoseconds: 0)))
        #expect(pipeline.inferenceBudget == .microseconds(1250))
        #expect(pipeline.predictions.predictions == .everyNth(4))
        #expect(pipeline.scheduling.scheduling.processor == 1)
        #expect(
            loaded.location(of: "pipelines[0].alarm.reminder").description
                == "edge-agent.yaml:36:85")
    }

    @Test("take fragments over the main file: mappings by key, pipelines by name, lists whole")
    func fragments() throws {
        let loaded = try ConfigurationText.read(
            ConfigurationText.minimal,
            fragments: [
                "brokers: {plant: {port: 1999}}\npipelines: [{name: pumps, budget: 7ms}]\n", "",
                "pipelines:\n- {name: fans, topics: [\"f/{asset}\"], model: /m}\n- {name: pumps, topics: [n]}\n",
            ])
        let configuration = loaded.configuration
        #expect(configuration.brokers.map(\.host) == ["localhost"])
        #expect(configuration.brokers.map(\.effectivePort) == [1999])
        #expect(configuration.pipelines.map(\.name) == ["pumps", "fans"])
        #expect(configuration.pipelines[0].budget == .milliseconds(7))
        #expect(configuration.pipelines[0].topics.map(\.text) == ["n"])
        #expect(loaded.location(of: "pipelines[0].budget").description == "1.yaml:2:35")
        #expect(loaded.files == ["edge-agent.yaml", "1.yaml", "2.yaml", "3.yaml"])
        #expect(
            ConfigurationText.lines(
                ConfigurationText.minimal,
                fragments: [
                    "outbox:\nbrokers:\n", "brokers: {plant: {port: x, tls: }}",
                ])
                == [
                    "2.yaml:1:25: brokers.plant.port: expected an integer, found 'x'",
                    "2.yaml:1:33: brokers.plant.tls: has no value: expected a mapping",
                ])
        #expect(
            ConfigurationText.lines(ConfigurationText.minimal, fragments: ["a: [", "b: ["]).map {
                $0.prefix(6)
            } == ["1.yaml", "2.yaml"])
    }

    @Test("take environment variables over all files")
    func environment() throws {
        let configuration = try ConfigurationText.read(
            ConfigurationText.pipeline("budget: 3ms"),
            environment: [
                "EDGE_AGENT_AGENT_ID": "env", "EDGE_AGENT_OUTBOX_MAXIMUM_BYTES": "1GB",
                "EDGE_AGENT_BROKERS_PLANT_CLEAN_START": "true",
                "EDGE_AGENT_BROKERS_PLANT_TLS_CA": "/ca.pem",
                "EDGE_AGENT_PIPELINES_PUMPS_BUDGET": "9ms", "EDGE_AGENT_ISA": "scalar",
                "STATE_DIRECTORY": "/state:/other", "HOME": "/",
            ]
        ).configuration
        #expect(configuration.agent.id == "env")
        #expect(configuration.agent.stateDirectory == "/state")
        #expect(configuration.outbox.maximumBytes == 1_000_000_000)
        #expect(configuration.brokers[0].cleanStart)
        #expect(configuration.brokers[0].tls?.ca == "/ca.pem")
        #expect(configuration.pipelines[0].budget == .milliseconds(9))
    }

    @Test(
        "name the environment variable that is wrong",
        arguments: [
            (
                "EDGE_AGENT_OUTBOX_MAXIMUM_BYTES", "much",
                "EDGE_AGENT_OUTBOX_MAXIMUM_BYTES: outbox.maximumBytes:"
                    + " expected a size such as 64KiB or 100MB, found 'much'"
            ),
            (
                "EDGE_AGENT_OUTBOX_MAXIMUMBYTES", "1MB",
                "EDGE_AGENT_OUTBOX_MAXIMUMBYTES: warning: sets nothing;"
                    + " did you mean EDGE_AGENT_OUTBOX_MAXIMUM_BYTES?"
            ),
            (
                "EDGE_AGENT_PIPELINES_PUMPS_BUDGET", "",
                "EDGE_AGENT_PIPELINES_PUMPS_BUDGET: pipelines[0].budget:"
                    + " has no value: expected a duration such as 20ms, 1.5s, 5m, 2h or 30d"
            ),
        ])
    func wrongEnvironment(name: String, value: String, line: String) {
        #expect(
            ConfigurationText.lines(ConfigurationText.minimal, environment: [name: value])
                == [line])
    }

    @Test("refuse a variable that means two keys")
    func ambiguousEnvironment() {
        let text = ConfigurationText.minimal.replacing(
            "pipelines:",
            with: "  a-b: {host: x}\n  a_b: {host: y}\nsensors: {broker: plant}\npipelines:")
        #expect(
            ConfigurationText.lines(text, environment: ["EDGE_AGENT_BROKERS_A_B_PORT": "1"])
                == [
                    "EDGE_AGENT_BROKERS_A_B_PORT: brokers.a_b.port: means this key and"
                        + " brokers.a-b.port: rename one of them"
                ])
    }

    @Test("are read from the disk with conf.d beside them")
    func fromDisk() throws {
        let directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(
            atPath: directory.file("conf.d"), withIntermediateDirectories: false)
        let path = try directory.write(ConfigurationText.minimal, to: "edge-agent.yaml")
        try directory.write("agent: {id: second}\n", to: "conf.d/20.yaml")
        try directory.write("agent: {id: first, logLevel: debug}\n", to: "conf.d/10.yaml")
        try directory.write("agent: {id: ignored}\n", to: "conf.d/30.yml")
        try directory.write("agent: {id: ignored}\n", to: "conf.d/.40.yaml")
        let loaded = try Configuration.load(path: path, environment: [:])
        #expect(loaded.configuration.agent.id == "second")
        #expect(loaded.configuration.agent.logLevel == .debug)
        #expect(
            loaded.warnings.map(\.description) == [
                "\(directory.file("conf.d/30.yml")): warning: is not read:"
                    + " the name of a fragment ends in .yaml"
            ])
        #expect(loaded.configuration.pipelines[0].model.hasSuffix("/models/pump"))
        #expect(loaded.configuration.pipelines[0].model.hasPrefix("/"))
    }

    @Test("that are missing, a directory, a pipe or huge are refused", arguments: 0..<4)
    func unreadable(kind: Int) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("edge-agent.yaml")
        let expected: String
        switch kind {
        case 0: expected = "cannot be read: No such file or directory"
        case 1:
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: false)
            expected = "is no regular file"
        case 2:
            #expect(mkfifo(path, 0o600) == 0)
            expected = "is no regular file"
        default:
            try directory.write(String(repeating: "#", count: 1_048_577), to: "edge-agent.yaml")
            expected = "has more than the 1048576 bytes that are read"
        }
        let error = #expect(throws: ConfigurationError.self) {
            try Configuration.load(path: path, environment: [:])
        }
        #expect(try #require(error).description == "\(path): \(expected)")
    }
}
