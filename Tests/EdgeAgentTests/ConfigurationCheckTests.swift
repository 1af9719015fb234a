import EdgeAgent
import Testing

@Suite("Configurations that contradict themselves")
struct ConfigurationCheckTests {
    @Test("name the key and the contradiction", arguments: contradictions)
    func contradicts(broken: BrokenConfiguration) {
        #expect(ConfigurationText.lines(broken.text) == broken.lines)
    }

    static let twoBrokers = ConfigurationText.minimal.replacing(
        "pipelines:", with: "  cloud:\n    host: cloud.example\npipelines:")
    static let secondPipeline = """

          - name: fans
            topics: ["plant/fan/{asset}"]
            model: models/fan
        """

    static let contradictions = [
        BrokenConfiguration(
            ConfigurationText.minimal
                + "\nupdates:\n  keys: [a.pub]\n  commands: {allow: [list], broker: x}\n",
            "edge-agent.yaml:10:37: updates.commands.broker: no broker is called 'x'"),
        BrokenConfiguration(
            ConfigurationText.minimal
                + "\nupdates:\n  keys: [a.pub]\n  commands: {allow: [rolback], responses: \"a/#/b\"}\n",
            "edge-agent.yaml:10:22: updates.commands.allow[0]: expected one of pull, stage, promote,"
                + " rollback, pin, unpin, hold, unhold, acknowledge, list, history, found 'rolback';"
                + " did you mean 'rollback'?",
            "edge-agent.yaml:10:43: updates.commands.responses: topic filter 'a/#/b': byte 2: '#'"
                + " must be the last level"),
        BrokenConfiguration(
            twoBrokers,
            "edge-agent.yaml:1:1: sensors.broker: missing: there are several brokers"
                + " (plant, cloud), say which"),
        BrokenConfiguration(
            twoBrokers + "\nsensors: {broker: plnt}\nuplink: {broker: x}\n",
            "edge-agent.yaml:10:19: sensors.broker: no broker is called 'plnt';"
                + " did you mean 'plant'?",
            "edge-agent.yaml:11:18: uplink.broker: no broker is called 'x'; there are plant, cloud"),
        BrokenConfiguration(
            ConfigurationText.minimal + secondPipeline.replacing("fans", with: "pumps"),
            "edge-agent.yaml:8:11: pipelines[1].name: pipelines[0] is called 'pumps', too"),
        BrokenConfiguration(
            ConfigurationText.pipeline("alerts: {topic: \"edge/{agent}/state/pumps/{asset}\"}"),
            "edge-agent.yaml:8:21: pipelines[0].alerts.topic: 'edge/box/state/pumps/{asset}' is also"
                + " the topic of pipelines[0].state.topic: both would be mixed"),
        BrokenConfiguration(
            ConfigurationText.minimal.replacing("plant/{site}/pump/{asset}/vibration", with: "#"),
            "edge-agent.yaml:6:14: pipelines[0].topics[0]: '#' would also receive what the agent"
                + " itself publishes to 'edge/box/status' (status.topic)"),
        BrokenConfiguration(
            ConfigurationText.minimal.replacing(
                "vibration\"]", with: "vibration\", \"plant/+/pump/{asset}/vibration\"]"),
            "edge-agent.yaml:6:53: pipelines[0].topics[1]: subscribes to the same as topics[0]:"
                + " 'plant/+/pump/+/vibration'"),
        BrokenConfiguration(
            ConfigurationText.pipeline("assetKey: \"{site}/{pump}\""),
            "edge-agent.yaml:8:15: pipelines[0].assetKey: '{site}/{pump}' with"
                + " 'plant/{site}/pump/{asset}/vibration': byte 7: 'pump' is unknown here;"
                + " known are site, asset"),
        BrokenConfiguration(
            ConfigurationText.pipeline("payload: {channelFromTopic: channel, format: textScalar}"),
            "edge-agent.yaml:8:33: pipelines[0].payload.channelFromTopic:"
                + " 'plant/{site}/pump/{asset}/vibration' has no capture 'channel'; it has site, asset"
        ),
        BrokenConfiguration(
            ConfigurationText.pipeline("payload: {format: textScalar}"),
            "edge-agent.yaml:8:23: pipelines[0].payload.format: textScalar needs either channel or"
                + " channelFromTopic"),
        BrokenConfiguration(
            ConfigurationText.pipeline(
                "payload: {format: jsonScalar, channel: v, timestamp: {field: ts}}"),
            "edge-agent.yaml:8:58: pipelines[0].payload.timestamp: is for format jsonObject:"
                + " a scalar has one value and nothing beside it"),
        BrokenConfiguration(
            ConfigurationText.pipeline("payload: {channel: v}"),
            "edge-agent.yaml:8:24: pipelines[0].payload.channel: is for scalars: of an object name"
                + " each channel in channels"),
        BrokenConfiguration(
            ConfigurationText.pipeline("payload: {channels: {a: x, b: x.y}}"),
            "edge-agent.yaml:8:35: pipelines[0].payload.channels.b: 'x.y' and 'x' (a) cannot both"
                + " be numbers"),
        BrokenConfiguration(
            ConfigurationText.pipeline("payload: {maximumAge: 1h}"),
            "edge-agent.yaml:8:27: warning: pipelines[0].payload.maximumAge: has no effect without"
                + " timestamp"),
        BrokenConfiguration(
            ConfigurationText.pipeline("payload: {timestamp: {unit: s}}"),
            "edge-agent.yaml:8:26: pipelines[0].payload.timestamp.field: missing: expected a dotted"
                + " path such as motor.temperature"),
        BrokenConfiguration(
            ConfigurationText.pipeline(
                "alarm: {raiseAbove: 1, severities: [{severity: major, above: 1}]}"),
            "edge-agent.yaml:8:25: pipelines[0].alarm.raiseAbove: contradicts severities:"
                + " the lowest of them raises"),
        BrokenConfiguration(
            ConfigurationText.pipeline(
                "alarm: {severities: [{severity: major, above: 2}, {severity: minor, above: 1}]}"),
            "edge-agent.yaml:8:25: pipelines[0].alarm.severities: minor at 1.0 must be above the"
                + " lower severity's 2.0"),
        BrokenConfiguration(
            ConfigurationText.pipeline("predictions: {mode: full, everyNth: 3}"),
            "edge-agent.yaml:8:41: warning: pipelines[0].predictions.everyNth: has no effect:"
                + " mode is full, not sampled"),
        BrokenConfiguration(
            ConfigurationText.broker("passwordFile: p"),
            "edge-agent.yaml:4:19: brokers.plant.passwordFile: needs username beside it"),
        BrokenConfiguration(
            ConfigurationText.broker("username: u", "passwordFile: p").replacing(
                "localhost", with: "10.0.0.1"),
            "edge-agent.yaml:5:19: warning: brokers.plant.passwordFile: the password goes over the"
                + " network in clear text: use tls"),
        BrokenConfiguration(
            ConfigurationText.broker("tls: {certificate: c.pem}"),
            "edge-agent.yaml:4:24: brokers.plant.tls.certificate: needs key beside it"),
        BrokenConfiguration(
            ConfigurationText.broker("tls: {systemAuthorities: false}"),
            "edge-agent.yaml:4:30: brokers.plant.tls.systemAuthorities: nobody could sign the"
                + " server's certificate: give ca, or true here"),
        BrokenConfiguration(
            ConfigurationText.broker("reconnect: {initial: 2m}"),
            "edge-agent.yaml:4:26: brokers.plant.reconnect.initial: must be at most maximum,"
                + " which is 1m"),
        BrokenConfiguration(
            ConfigurationText.broker("protocol: 3.1.1", "sessionExpiry: 1h"),
            "edge-agent.yaml:5:20: warning: brokers.plant.sessionExpiry: has no effect:"
                + " protocol 3.1.1 does not have it"),
    ]
}
