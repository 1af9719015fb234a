import Foundation
import TestSupport
import Testing

@testable import SensorIO

extension OutboxLane {
    /// Submits text.
    func submit(
        _ text: String, topic: String = "a/b", sequence: UInt64? = nil, live: Bool = false,
        recordClass: OutboxRecordClass = .alert, isRetained: Bool = false, supersedes: Bool = false
    ) -> (outcome: OutboxSubmission, sequence: UInt64) {
        let sequence = sequence ?? makeSequence()
        // A payload says itself where it can be marked late.
        let token = text.range(of: "\"historical\":false").map {
            text.utf8.distance(from: text.startIndex, to: $0.upperBound) - 5
        }
        let header = OutboxRecordHeader(
            sequence: sequence, recordClass: recordClass, isRetained: isRetained,
            supersedes: supersedes, contentType: .json, historicalOffset: token ?? 0,
            createdNanoseconds: 5, isClockSynchronised: true)
        let outcome = Array(topic.utf8).withUnsafeBytes { topic in
            Array(text.utf8).withUnsafeBytes { payload in
                submit(header, topic: topic, payload: payload, live: live)
            }
        }
        return (outcome, sequence)
    }
}

@Suite("Outbox lane")
struct OutboxLaneTests {
    func makeLane(_ capacity: Int = 4096, isOpen: Bool = true) throws -> OutboxLane {
        try OutboxLane(
            name: "test", capacityBytes: capacity, sequencer: OutboxSequencer(),
            doorbell: OutboxDoorbell(), startsOpen: isOpen)
    }

    /// What the ring holds, as text.
    func read(_ lane: OutboxLane, closing: Bool = false) -> [String] {
        var seen: [String] = []
        lane.ring.read(limit: .max, beforeRelease: { if closing { lane.close() } }) { entry in
            switch entry {
            case .record(let header, let topic, let payload, let isLive):
                let topic = String(decoding: topic, as: UTF8.self)
                let payload = String(decoding: payload, as: UTF8.self)
                seen.append("\(isLive ? "live" : "kept") \(header.sequence) \(topic) \(payload)")
            case .acknowledged(let sequence): seen.append("acknowledged \(sequence)")
            case .rejected(let sequence, let code): seen.append("rejected \(sequence) \(code)")
            case .handOver(let sequence): seen.append("handed over \(sequence)")
            case .releaseAll: seen.append("released")
            case .keep(let sequence, let key, let bytes, let isAwaited):
                seen.append(
                    "keep \(sequence) \(key.count) \(bytes.count) \(isAwaited ? "now" : "later")")
            }
        }
        return seen
    }

    @Test("Kept bytes come out as they went in, wake the outbox, and close no lane")
    func kept() throws {
        let lane = try makeLane(isOpen: true)
        func keep(_ sequence: UInt64, _ key: String, _ count: Int) -> OutboxKeeping {
            Array(key.utf8).withUnsafeBytes { key in
                [UInt8](repeating: 1, count: count).withUnsafeBytes {
                    lane.keep(sequence: sequence, key: key, bytes: $0, nowNanoseconds: 5)
                }
            }
        }
        #expect(keep(1, "pump", 54) == .awaited)
        #expect(keep(2, "pump", 0) == .awaited)
        #expect(
            keep(3, "pump", OutboxKept.maximumBytes + 1) == .refused, "more than is kept of a key")
        #expect(lane.isClear, "nothing can overtake what is no message")
        #expect(lane.ring.takeUrgency())
        #expect(read(lane) == ["keep 1 4 54 now", "keep 2 4 0 now"])
        for sequence in 4...OutboxKeptPace.burst { #expect(keep(sequence, "pump", 1) == .awaited) }
        _ = lane.ring.takeUrgency()
        _ = read(lane)
        // From here on the outbox need not be woken.
        #expect(keep(99, "pump", 1) == .later)
        #expect(!lane.ring.takeUrgency())
        #expect(read(lane) == ["keep 99 4 1 later"])
    }

    @Test("Kept bytes are written at once a few times, then once a second")
    func pace() {
        let pace = OutboxKeptPace()
        let (start, second): (UInt64, UInt64) = (1_000_000_000_000, 1_000_000_000)
        func taken(at now: UInt64) -> Int {
            (0..<100).count { _ in pace.take(nowNanoseconds: now) }
        }
        #expect(taken(at: start) == 20)
        #expect(taken(at: start + second - 1) == 0)
        #expect(taken(at: start + second) == 1)
        #expect(taken(at: start + 4 * second) == 3)
        #expect(taken(at: start + 4_000 * second) == 20, "no more than at first")
    }

    @Test("A record comes out as it went in, with every field of its header")
    func roundTrip() throws {
        let lane = try makeLane()
        let header = OutboxRecordHeader(
            sequence: 7, recordClass: .notice, isRetained: true, supersedes: true,
            contentType: .cloudEventsJSON, historicalOffset: 3, expirySeconds: 99,
            createdNanoseconds: -5, isClockSynchronised: true)
        let payload = Array("0123456789".utf8)
        let outcome = Array("t/1".utf8).withUnsafeBytes { topic in
            payload.withUnsafeBytes { lane.submit(header, topic: topic, payload: $0, live: false) }
        }
        #expect(outcome == .kept)
        var seen: OutboxRecordHeader?
        lane.ring.read(limit: .max, beforeRelease: {}) { entry in
            guard case .record(let header, let topic, let bytes, let isLive) = entry else { return }
            seen = header
            #expect(!isLive)
            #expect(topic.elementsEqual("t/1".utf8))
            #expect(bytes.elementsEqual(payload))
        }
        #expect(seen == header)
    }

    @Test(
        "A token that would not lie in the payload is forgotten",
        arguments: [-1, 0, 6, 10, .max - 9])
    func historicalOffset(_ offset: Int) throws {
        let lane = try makeLane()
        let header = OutboxRecordHeader(
            sequence: 1, recordClass: .alert, historicalOffset: offset)
        _ = Array("t".utf8).withUnsafeBytes { topic in
            Array("0123456789".utf8).withUnsafeBytes {
                lane.submit(header, topic: topic, payload: $0, live: false)
            }
        }
        lane.ring.read(limit: .max, beforeRelease: {}) { entry in
            guard case .record(let header, _, _, _) = entry else { return }
            #expect(header.historicalOffset == 0)
        }
    }

    @Test(
        "Live records are settled unread as far as their acknowledgements are there, in order",
        arguments: [
            ("", 0), ("L1", 0), ("L1 A1", 1), ("L1 L2 A1 A2 L3", 2), ("L1 A1 L2 L3 A2", 2),
            // Out of order, and with something else in between: as far as there is no doubt.
            ("L1 L2 A2 A1", 0), ("L1 A1 L2 K3 A2", 1), ("L1 A1 L2 R2 L3 A3", 1),
            // Bytes to be kept are no message.
            ("L1 S2 A1", 1), ("L1 S2 L3 S4 A1 A3 L5", 2),
        ])
    func acknowledgedCount(entries: String, count: Int) throws {
        for earlier in [[], [90, 91] as [UInt64]] {
            let lane = try makeLane()
            for sequence in earlier { _ = lane.submit("x", sequence: sequence, live: true) }
            lane.ring.read(limit: .max, beforeRelease: {}, { _ in })
            for sequence in earlier { lane.acknowledge(sequence: sequence) }
            for entry in entries.split(separator: " ") {
                let sequence = UInt64(entry.dropFirst()) ?? 0
                switch entry.first {
                case "L": _ = lane.submit("x", sequence: sequence, live: true)
                case "K": _ = lane.submit("x", sequence: sequence, live: false)
                case "S":
                    let bytes = Array(entry.utf8)
                    _ = bytes.withUnsafeBytes {
                        lane.keep(sequence: sequence, key: $0, bytes: $0, nowNanoseconds: 5)
                    }
                case "R": lane.reject(sequence: sequence, reasonCode: 0x80)
                default: lane.acknowledge(sequence: sequence)
                }
            }
            #expect(lane.ring.acknowledgedCount(after: earlier) == count)
            // One that was read before has no answer yet: nothing may pass it.
            #expect(lane.ring.acknowledgedCount(after: earlier + [92]) == 0)
        }
    }

    @Test("A full ring refuses, says so, and takes records again once it was read")
    func full() throws {
        let lane = try makeLane()
        let text = String(repeating: "x", count: 400)
        var taken = 0
        while lane.submit(text).outcome == .kept { taken += 1 }
        #expect(taken >= 7)
        #expect(lane.submit(text).outcome == .full)
        #expect(lane.refusedCount == 2)
        #expect(read(lane).count == taken)
        #expect(lane.submit(text).outcome == .kept)
    }

    @Test("A record of more than a quarter of the ring is refused for good")
    func tooLarge() throws {
        let lane = try makeLane()
        #expect(lane.submit(String(repeating: "x", count: 1_100)).outcome == .tooLarge)
        #expect(lane.submit(String(repeating: "x", count: 900)).outcome == .kept)
    }

    @Test("An acknowledgement finds room even in a ring that is full of live records")
    func reservedRoom() throws {
        let lane = try makeLane()
        var live: [UInt64] = []
        while true {
            let (outcome, sequence) = lane.submit("x", live: true)
            guard outcome == .publishLive else { break }
            live.append(sequence)
        }
        #expect(live.count > 40)
        #expect(lane.liveCount == live.count)
        for sequence in live { lane.acknowledge(sequence: sequence) }
        #expect(lane.liveCount == 0)
        let seen = read(lane)
        #expect(seen.filter { $0.hasPrefix("acknowledged") } == live.map { "acknowledged \($0)" })
    }

    @Test(
        "A lane is clear until something is the outbox's to send, and again when the outbox says so"
    )
    func clear() throws {
        let lane = try makeLane()
        #expect(lane.isClear)
        #expect(lane.submit("1", live: true).outcome == .publishLive)
        #expect(lane.isClear)
        lane.releaseLive()
        #expect(!lane.isClear)
        #expect(lane.submit("2", live: true).outcome == .kept)
        #expect(read(lane, closing: true) == ["live 1 a/b 1", "released", "kept 2 a/b 2"])
        #expect(!lane.isClear)
        lane.publishState(durableSequence: 2, isOpen: true)
        #expect(lane.isClear)
        #expect(lane.durableSequence == 2)
        #expect(lane.submit("3", live: true).outcome == .publishLive)
    }

    @Test(
        "A release with nothing outstanding writes nothing, and later acknowledgements are ignored")
    func release() throws {
        let lane = try makeLane()
        lane.releaseLive()
        lane.acknowledge(sequence: 3)
        #expect(read(lane) == [])
        let sequence = lane.submit("1", live: true).sequence
        lane.reject(sequence: sequence, reasonCode: 0x87)
        lane.acknowledge(sequence: sequence)
        #expect(read(lane) == ["live \(sequence) a/b 1", "rejected \(sequence) 135"])
    }

    @Test("The producer is woken when it wants, and only then")
    func wake() throws {
        let lane = try makeLane(isOpen: false)
        func isReadable() -> Bool {
            var set = PollSet(capacity: 1)
            set.add(lane.wakeDescriptor, .readable)
            return set.wait(deadlineNanoseconds: 0) == 1
        }
        lane.publishState(durableSequence: 1, isOpen: false)
        #expect(!isReadable())
        lane.wantsWake = true
        lane.publishState(durableSequence: 1, isOpen: false)
        #expect(!isReadable())
        lane.publishState(durableSequence: 2, isOpen: false)
        #expect(isReadable())
        lane.drainWake()
        #expect(!isReadable())
        lane.publishState(durableSequence: 2, isOpen: false, hasTaken: true)
        #expect(isReadable())
    }

    @Test(
        "The outbox is woken from a sleep without end by anything, from a timed one by what is urgent"
    )
    func doorbell() throws {
        let lane = try makeLane()
        let doorbell = lane.doorbell
        let live = lane.submit("1", live: true)
        #expect(live.outcome == .publishLive)
        lane.flush()
        #expect(!doorbell.event.drain())
        doorbell.announce(.timed)
        lane.acknowledge(sequence: live.sequence)
        lane.flush()
        #expect(!doorbell.event.drain())
        doorbell.announce(.endless)
        #expect(lane.submit("1", live: true).outcome == .publishLive)
        lane.flush()
        #expect(doorbell.event.drain())
        // A turn in which nothing was submitted wakes nobody.
        lane.flush()
        #expect(!doorbell.event.drain())
        doorbell.announce(.timed)
        #expect(lane.submit("2").outcome == .kept)
        lane.flush()
        #expect(doorbell.event.drain())
    }

    @Test("Two threads pass 50 000 records of random lengths without loss, damage or disorder")
    func twoThreads() async throws {
        let lane = try makeLane(16_384)
        let count: UInt64 = 50_000
        let producer = Task.detached {
            var random = SeededGenerator(seed: 1)
            for sequence in 1...count {
                let length = Int.random(in: 0...300, using: &random)
                let text = String(repeating: "\(sequence % 10)", count: length)
                while lane.submit(text, sequence: sequence).outcome != .kept { await Task.yield() }
            }
        }
        var expected: UInt64 = 1
        var random = SeededGenerator(seed: 1)
        var faults = 0
        while expected <= count {
            let read = lane.ring.read(limit: 100, beforeRelease: {}) { entry in
                guard case .record(let header, _, let payload, _) = entry else {
                    faults += 1
                    return
                }
                let length = Int.random(in: 0...300, using: &random)
                if header.sequence != expected || payload.count != length
                    || !payload.allSatisfy({ $0 == 48 + UInt8(expected % 10) })
                {
                    faults += 1
                }
                expected += 1
            }
            if read == 0 { await Task.yield() }
        }
        await producer.value
        #expect(faults == 0)
        #expect(lane.ring.isEmpty)
    }
}
