import Foundation
import TestSupport
import Testing

@testable import SensorIO

/// Run by Benchmarks/outbox/run.sh, in release mode.
@Suite(
    "Outbox benchmark",
    .enabled(
        if: ProcessInfo.processInfo.environment["OUTBOX_BENCHMARK"] != nil,
        "a measurement: run Benchmarks/outbox/run.sh"))
struct OutboxBenchmark {
    @Test("Rows per second from a lane to the disk, and from the disk to a PUBACK")
    func rate() throws {
        let variable = ProcessInfo.processInfo.environment["OUTBOX_BENCHMARK"] ?? ""
        let fields = variable.split(separator: " ").map(String.init)
        try #require(fields.count == 3)
        let rows = try #require(Int(fields[1]))
        let batch = try #require(Int(fields[2]))
        let path = fields[0] + "/outbox-\(UUID().uuidString).db"
        let configuration = OutboxConfiguration(path: path, maximumBytes: 1 << 30)
        let store = try OutboxStore(configuration: configuration)
        let boot = try store.beginBoot(now: .now()).bootNumber
        let lane = try OutboxLane(
            name: "benchmark", capacityBytes: 1 << 20, sequencer: OutboxSequencer(),
            doorbell: OutboxDoorbell(), startsOpen: false)
        var limits = OutboxCore.Limits()
        limits.deleteBatch = batch
        limits.loadBatch = batch
        var core = OutboxCore(limits: limits, boot: boot)
        _ = core.addLane()
        core.beginScan()
        core.endScan()
        let topic = [UInt8](repeating: 0x74, count: 27)
        let payload = [UInt8](repeating: 0x70, count: 260)

        var start = MonotonicClock.nanoseconds
        for _ in 0..<(rows / batch) {
            for _ in 0..<batch {
                let header = OutboxRecordHeader(sequence: lane.makeSequence(), recordClass: .alert)
                let outcome = topic.withUnsafeBytes { topic in
                    payload.withUnsafeBytes {
                        lane.submit(header, topic: topic, payload: $0, live: false)
                    }
                }
                guard outcome == .kept else { throw TestFailure("\(outcome)") }
            }
            lane.ring.read(limit: .max, beforeRelease: {}) { entry in
                guard case .record(let header, let topic, let payload, _) = entry else { return }
                core.accept(
                    lane: 0, header: header, topic: topic, payload: payload, isLive: false, now: 0,
                    elapsed: 0)
            }
            let written = core.makeBatch(withInserts: true)
            core.committed(written, try store.write(written))
        }
        let committed = Double(MonotonicClock.nanoseconds - start) / 1e9
        #expect(core.durableSequence(lane: 0) == UInt64(rows / batch * batch))
        try store.checkpoint(truncate: true)

        core.connected()
        start = MonotonicClock.nanoseconds
        var identifier: Int32 = 0
        var waiting: [Int32] = []
        var delivered = 0
        while delivered < rows / batch * batch {
            switch core.nextStep(now: 0, elapsed: 0) {
            case .publish(let record):
                identifier += 1
                core.sent(record.id, messageIdentifier: identifier)
                waiting.append(identifier)
            case .load(let recordClass, let after, let limit):
                core.loaded(
                    try store.rows(recordClass, after: after, limit: limit).records, of: recordClass
                )
            case .nothing:
                for identifier in waiting {
                    core.acknowledged(messageIdentifier: identifier, reason: .success, now: 0)
                }
                delivered += waiting.count
                waiting.removeAll(keepingCapacity: true)
            }
            if core.deletable.count >= batch {
                let written = core.makeBatch(withInserts: false)
                core.committed(written, try store.write(written))
            }
        }
        let drained = Double(MonotonicClock.nanoseconds - start) / 1e9
        #expect(core.rows == 0)
        let rates = [committed, drained].map { Int(Double(rows) / $0) }
        print("outbox \(batch) commit \(rates[0]) drain \(rates[1])")
    }
}
