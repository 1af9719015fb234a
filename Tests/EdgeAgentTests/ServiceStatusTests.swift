import SensorIO
import Testing

@testable import EdgeAgent

@Suite("The line that systemctl status shows")
struct ServiceStatusTests {
    private static func status(ready: Bool = true) -> ServiceStatus {
        var status = ServiceStatus(pipelines: [
            ServiceStatus.Pipeline(
                name: "pumps", model: "pump-condition 1.4.0", isReady: true,
                broker: "plant (10.0.0.1:1883)", assets: 98, alarms: 1),
            ServiceStatus.Pipeline(
                name: "line", model: "level 1.0.0", isReady: ready,
                broker: "line (10.0.0.2:8883)", assets: 1),
        ])
        status.outbox.isUplinkConnected = true
        return status
    }

    @Test("What runs, and how many alarms are raised")
    func runs() {
        #expect(
            Self.status().line
                == "running pumps (pump-condition 1.4.0), line (level 1.0.0); 99 assets, 1 alarm raised"
        )
    }

    @Test("Which broker is waited for, for which pipelines")
    func waits() {
        #expect(
            Self.status(ready: false).line
                == "waiting for line (10.0.0.2:8883) for line; 99 assets, 1 alarm raised")
        var both = Self.status(ready: false)
        both.pipelines[0].isReady = false
        both.pipelines[0].broker = both.pipelines[1].broker
        #expect(both.line.hasPrefix("waiting for line (10.0.0.2:8883) for pumps, line; "))
    }

    @Test("That the uplink is away, what waits for it, and that the disk fails")
    func outbox() {
        var status = Self.status()
        status.outbox.depth = 12
        #expect(status.line.hasSuffix("; 12 records in the outbox"))
        status.outbox.isUplinkConnected = false
        #expect(status.line.hasSuffix("; 12 records in the outbox, the uplink is away"))
        status.outbox.depth = 0
        status.outbox.isDiskWritable = false
        #expect(status.line.hasSuffix("; the uplink is away; the disk cannot be written"))
    }
}
