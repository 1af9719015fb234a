import Testing

@testable import SensorIO

@Suite("The outbox and the boots of the kernel")
struct OutboxBootTests {
    private static let second: Int64 = 1_000_000_000

    private func reading(uptime: Int64, boot: Int64) -> OutboxClockReading {
        OutboxClockReading(
            uptimeNanoseconds: uptime * Self.second, wallNanoseconds: 0, isSynchronised: false,
            kernelBoot: boot)
    }

    @Test(
        "Time since the last start: exact in one boot, the uptime after another, the least possible if nobody knows",
        arguments: [
            (savedBoot: Int64(1), boot: Int64(1), uptime: Int64(1_005), passed: Int64(5)),
            (1, 2, 1_005, 1_005), (0, 0, 1_005, 5), (0, 1, 1_005, 5), (1, 0, 1_005, 5),
            (0, 0, 30, 30),
        ])
    func elapsed(savedBoot: Int64, boot: Int64, uptime: Int64, passed: Int64) {
        let last = OutboxClockMark(
            elapsedNanoseconds: 100 * Self.second, reading: reading(uptime: 1_000, boot: savedBoot))
        var clock = OutboxClock(last: last, now: reading(uptime: uptime, boot: boot))
        #expect(
            clock.elapsedNanoseconds(reading(uptime: uptime, boot: boot))
                == (100 + passed) * Self.second)
    }

    @Test("A boot has one identity, as the kernel writes it and as systemd does")
    func identity() {
        func identity(_ text: String) -> Int64 {
            Array(text.utf8).withUnsafeBytes { OutboxClockReading.identity(of: $0) }
        }
        let kernel = identity("b14bc0f5-8b6d-4a1a-9c0d-3f1f2a6a7b10\n")
        #expect(kernel == identity("b14bc0f58b6d4a1a9c0d3f1f2a6a7b10"))
        #expect(kernel != 0)
        #expect(kernel != identity("b14bc0f58b6d4a1a9c0d3f1f2a6a7b11"))
        #expect(identity("%b") == 0)
        #expect(identity("") == 0)
    }
}
