import TestSupport
import Testing

@testable import SensorIO

/// The worker without its thread: each call is the test's.
@Suite("Outbox on a disk that damages what it is given")
struct OutboxDamageTests {
    private static let damage = SQLiteError(operation: "SELECT", code: 11, text: "malformed")

    @Test("After three salvages in a row there is a pause in which memory is what there is")
    func pause() throws {
        let directory = try TemporaryDirectory("outbox")
        let configuration = OutboxConfiguration(path: directory.file("outbox.db"))
        let events = EventLog<OutboxEvent>()
        let worker = OutboxWorker(
            configuration: configuration, boot: 1,
            opening: try OutboxOpening(configuration: configuration, now: .now()), now: .now(),
            lock: try OutboxLock(path: configuration.path),
            session: try MQTTSession(
                endpoint: MQTTEndpoint(host: "127.0.0.1", port: 1, clientIdentifier: "uplink")),
            shared: OutboxShared(doorbell: try OutboxDoorbell(), birth: nil), offline: nil,
            onEvent: { events.append($0) })
        func salvages() -> Int {
            events.all.count { if case .salvaged = $0 { true } else { false } }
        }
        worker.readClocks()
        for count in 1...OutboxWorker.maximumSalvages {
            worker.diskFailed(Self.damage)
            #expect(salvages() == count)
            #expect(worker.store != nil)
        }
        // Not for ever: each leaves a damaged file behind, and would fill the disk.
        worker.diskFailed(Self.damage)
        #expect(salvages() == OutboxWorker.maximumSalvages)
        #expect(worker.store == nil)
        #expect(worker.core.isDiskFailed)
        #expect(
            worker.core.diskRetryAt == worker.salvagedAt + OutboxWorker.salvagePauseNanoseconds)
        worker.commit()
        #expect(worker.store == nil, "not tried before the pause is over")
        // When it is over, the next damage is salvaged again.
        worker.salvagedAt &-= OutboxWorker.salvagePauseNanoseconds + 1
        worker.diskFailed(Self.damage)
        #expect(salvages() == OutboxWorker.maximumSalvages + 1)
        #expect(worker.store != nil)
    }
}
