import Testing

@testable import EdgeAgent

@Suite("Readable clock")
struct ReadableClockTests {
    private static let millisecond: UInt64 = 1_000_000

    private func readable(
        _ clock: inout ReadableClock, from began: UInt64, to ended: UInt64,
        position: UInt64? = nil, age: UInt64? = nil
    ) -> UInt64 {
        clock.readableAt(
            waitBegan: began * Self.millisecond, waitEnded: ended * Self.millisecond,
            position: position, age: age.map { $0 * Self.millisecond }) / Self.millisecond
    }

    @Test("What a wait that did not block finds may have been there since the socket was empty")
    func noWait() {
        var clock = ReadableClock(now: 0)
        clock.drained(at: 5 * Self.millisecond)
        #expect(readable(&clock, from: 40, to: 40) == 5)
    }

    @Test("A thread that got the processor late sees for how long the bytes have been there")
    func scheduledLate() {
        var clock = ReadableClock(now: 0)
        clock.drained(at: 5 * Self.millisecond)
        #expect(readable(&clock, from: 10, to: 100, age: 60) == 40)
        // Without the kernel's word, the end of the wait is all there is.
        #expect(readable(&clock, from: 10, to: 100) == 100)
    }

    @Test("A wall clock that jumps makes no byte older than the wait that found it")
    func clockJump() {
        var clock = ReadableClock(now: 0)
        #expect(readable(&clock, from: 10, to: 100, age: 86_400_000) == 10)
    }

    @Test(
        "In a backlog each turn's bytes are as old as they were when they came, not as the turn before"
    )
    func backlog() {
        var clock = ReadableClock(now: 0)
        clock.drained(at: 5 * Self.millisecond)
        #expect(!clock.hasBacklog)
        // 1 000 bytes came; 400 were read by 20, 800 by 40, all by 60; 500 more came until 60.
        clock.leftUnread(at: 20 * Self.millisecond, received: 1_000)
        #expect(clock.hasBacklog)
        #expect(readable(&clock, from: 20, to: 20, position: 400) == 5)
        clock.leftUnread(at: 40 * Self.millisecond, received: 1_000)
        #expect(readable(&clock, from: 40, to: 40, position: 800) == 5)
        clock.leftUnread(at: 60 * Self.millisecond, received: 1_500)
        // These were not there at 40.
        #expect(readable(&clock, from: 60, to: 60, position: 1_000) == 40)
        clock.drained(at: 70 * Self.millisecond)
        #expect(!clock.hasBacklog)
        #expect(readable(&clock, from: 70, to: 70) == 70)
    }

    @Test("A backlog of more turns than are kept makes bytes older at most, never younger")
    func longBacklog() {
        var clock = ReadableClock(now: 0)
        for turn in 1...200 as ClosedRange<UInt64> {
            clock.leftUnread(at: turn * Self.millisecond, received: turn * 100)
        }
        // The byte at 15 000 came after the 150th turn.
        let since = readable(&clock, from: 200, to: 200, position: 15_000)
        #expect(since <= 150)
        #expect(since > 100)
    }

    @Test(
        "Another connection, or a position that is not known, counts from when the socket was empty"
    )
    func unknownPosition() {
        var clock = ReadableClock(now: 0)
        clock.drained(at: 5 * Self.millisecond)
        clock.leftUnread(at: 20 * Self.millisecond, received: 1_000)
        #expect(readable(&clock, from: 30, to: 30) == 5)
        #expect(readable(&clock, from: 30, to: 30, position: 10) == 5)
    }
}
