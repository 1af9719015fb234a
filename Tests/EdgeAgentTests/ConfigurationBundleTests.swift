import EdgeAgent
import SensorIO
import Testing

@Suite("Configurations and bundles")
struct ConfigurationBundleTests {
    private func manifest(
        channels: [String] = ["vibration", "temperature"], isFixedRate: Bool = false,
        inferenceBudget: Duration? = nil
    ) throws -> BundleManifest {
        var manifest = try BundleManifest(try JSONValue(parsing: BundleManifestTests.valid))
        manifest.channels = channels.map { ChannelDescription(name: $0) }
        manifest.window.alignment =
            isFixedRate
            ? .fixedRate(intervalNanoseconds: 1_000_000, maximumAgeNanoseconds: 1_000_000)
            : .perMessage
        manifest.thresholds?.bands = [
            SeverityBand(severity: .warning, raiseAbove: 1),
            SeverityBand(severity: .critical, raiseAbove: 3),
        ]
        manifest.thresholds?.clearBelow = 0.5
        manifest.thresholds?.raiseAfter = 2
        manifest.thresholds?.clearAfter = 4
        manifest.thresholds?.reminder = nil
        manifest.inferenceBudget = inferenceBudget
        return manifest
    }

    private func lines(_ text: String, _ manifest: BundleManifest) throws -> [String] {
        try ConfigurationText.read(text).diagnostics(ofPipeline: 0, with: manifest).map(
            \.description)
    }

    @Test("fit when the payload has every channel")
    func fits() throws {
        let manifest = try manifest(inferenceBudget: .milliseconds(10))
        #expect(try lines(ConfigurationText.minimal, manifest).isEmpty)
        #expect(
            try lines(
                ConfigurationText.pipeline("payload: {channels: {vibration: v, temperature: t}}"),
                manifest
            ).isEmpty)
    }

    @Test(
        "that do not fit say which channel and why",
        arguments: [
            (
                "payload: {channels: {vibraton: v, temperature: t}}", false,
                [
                    "edge-agent.yaml:8:36: pipelines[0].payload.channels.vibraton: the bundle has no"
                        + " channel 'vibraton'; did you mean 'vibration'?",
                    "edge-agent.yaml:8:25: pipelines[0].payload.channels: the bundle's channel"
                        + " 'vibration' is missing",
                ]
            ),
            (
                "payload: {channels: {vibration: v, temperature: t, speed: s}}", false,
                [
                    "edge-agent.yaml:8:63: warning: pipelines[0].payload.channels.speed: is not used:"
                        + " the bundle has no such channel"
                ]
            ),
            (
                "payload: {format: textScalar, channelFromTopic: site}", false,
                [
                    "edge-agent.yaml:8:53: pipelines[0].payload.channelFromTopic: a message has one"
                        + " value, but the bundle wants all 2 channels in each message"
                        + " (it has no sampling interval)"
                ]
            ),
            ("payload: {format: textScalar, channelFromTopic: site}", true, []),
            (
                "payload: {format: textScalar, channel: vibration}", true,
                [
                    "edge-agent.yaml:8:44: pipelines[0].payload.channel: the bundle has 2 channels,"
                        + " and no message would bring the others"
                ]
            ),
            (
                "payload: {partialRows: true}", false,
                [
                    "edge-agent.yaml:8:28: pipelines[0].payload.partialRows: the bundle wants all"
                        + " channels in each message (it has no sampling interval)"
                ]
            ),
            (
                "maximumGap: 1s", true,
                [
                    "edge-agent.yaml:8:17: warning: pipelines[0].maximumGap: has no effect:"
                        + " the bundle's windows have a fixed rate"
                ]
            ),
            (
                "alarm: {raiseAbove: 5}", false,
                [
                    "edge-agent.yaml:8:12: pipelines[0].alarm: with the thresholds of the bundle:"
                        + " critical at 3.0 must be above the lower severity's 5.0"
                ]
            ),
        ] as [(String, Bool, [String])])
    func misfits(line: String, isFixedRate: Bool, expected: [String]) throws {
        #expect(
            try lines(
                ConfigurationText.pipeline(line), manifest(isFixedRate: isFixedRate)) == expected)
    }

    @Test("warn when the bundle declares more time than its share")
    func inferenceBudget() throws {
        #expect(
            try lines(
                ConfigurationText.pipeline("inferenceShare: 0.25"),
                manifest(inferenceBudget: .milliseconds(6))) == [
                    "edge-agent.yaml:8:21: warning: pipelines[0].inferenceShare: leaves the model"
                        + " 5ms of 20ms; the bundle declares 6ms"
                ])
    }

    @Test("the box's alarm goes over the bundle's, key by key")
    func alarmOverrides() throws {
        var alarm = AlarmConfiguration()
        let bundle = try manifest()
        #expect(try alarm.alarmRule(over: bundle) == bundle.alarmRule())
        alarm.raiseAfter = 7
        alarm.reminder = .seconds(60)
        var rule = try alarm.alarmRule(over: bundle)
        #expect(rule.raiseAfter == 7 && rule.clearAfter == 4 && rule.clearBelow == 0.5)
        #expect(rule.reminderNanoseconds == 60_000_000_000)
        alarm.raiseAbove = 2
        rule = try alarm.alarmRule(over: bundle)
        #expect(rule.raiseAbove(ofBand: 0) == 2 && rule.clearBelow == 2 && rule.bandCount == 2)
    }
}
