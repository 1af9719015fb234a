internal import CLinuxShims
internal import Glibc

/// What the clocks of the box say at one moment.
package struct OutboxClockReading: Sendable, Equatable {
    /// The running time of the kernel, sleep included. - Units: nanoseconds.
    package var uptimeNanoseconds: Int64
    /// The wall clock, right or wrong. - Units: nanoseconds since 1970.
    package var wallNanoseconds: Int64
    package var isSynchronised: Bool
    /// Tells one start of the kernel from another; 0: unknown.
    package var kernelBoot: Int64

    package init(
        uptimeNanoseconds: Int64, wallNanoseconds: Int64, isSynchronised: Bool, kernelBoot: Int64
    ) {
        self.uptimeNanoseconds = uptimeNanoseconds
        self.wallNanoseconds = wallNanoseconds
        self.isSynchronised = isSynchronised
        self.kernelBoot = kernelBoot
    }

    /// Asks the kernel.
    package static func now() -> OutboxClockReading {
        var wall = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &wall)
        return OutboxClockReading(
            uptimeNanoseconds: uptime(), wallNanoseconds: nanoseconds(wall),
            isSynchronised: els_clock_is_synchronised() == 1, kernelBoot: currentKernelBoot)
    }

    /// The running time of the kernel, sleep included.
    static func uptime() -> Int64 {
        var uptime = timespec()
        unsafe clock_gettime(CLOCK_BOOTTIME, &uptime)
        return nanoseconds(uptime)
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000).partialValue
            &+ Int64(time.tv_nsec)
    }

    /// The unit's `%b`, for a service that cannot see `/proc/sys` (`ProcSubset=pid`).
    package static let bootVariable = "EDGE_AGENT_BOOT_ID"

    /// A hash of the kernel's boot identifier.
    private static let currentKernelBoot: Int64 = {
        if let boot = bootFile() { return boot }
        // Read once, and nothing of this process sets variables.
        guard let text = unsafe getenv(bootVariable) else { return 0 }
        return unsafe identity(of: UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }()

    private static func bootFile() -> Int64? {
        let file = unsafe open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return unsafe withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { buffer in
            // Proof: reads at most the buffer's size, hashes what was read.
            let count = unsafe read(file, buffer.baseAddress, buffer.count)
            guard count > 0 else { return nil }
            return unsafe identity(of: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// A hash of an identifier's hexadecimal digits: the kernel writes dashes between them, systemd does not.
    ///
    /// - Returns: 0 if these are not 32 digits.
    static func identity(of text: UnsafeRawBufferPointer) -> Int64 {
        let digits = unsafe text.filter { byte in
            (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
        }
        guard digits.count == 32 else { return 0 }
        let hash = unsafe digits.withUnsafeBytes { unsafe OutboxHash.hash($0) }
        return Int64(bitPattern: hash | 1)
    }
}

/// What a start of the agent leaves behind for the clock of the next.
struct OutboxClockMark: Sendable, Equatable {
    var elapsedNanoseconds: Int64
    var reading: OutboxClockReading
}

/// Counts the time that passed over the whole life of an outbox, and trusts the wall clock only where it
/// must and may: ages of records come from here, so that a clock set to 1970, or a day ahead, expires nothing.
///
/// Within one start of the kernel it is exact, also across restarts of the agent. Across a reboot it counts
/// the new uptime, and the time in between only if the wall clock was synchronised before and after.
struct OutboxClock: Sendable, Equatable {
    private(set) var start: OutboxClockMark
    /// The last mark of an earlier start, while the time since then is not known for sure.
    private var unsettled: OutboxClockMark?

    /// - Parameter last: the latest mark of an earlier start; nil for a new outbox.
    init(last: OutboxClockMark?, now: OutboxClockReading) {
        guard let last else {
            start = OutboxClockMark(elapsedNanoseconds: 0, reading: now)
            return
        }
        var elapsed = max(0, last.elapsedNanoseconds)
        if last.reading.kernelBoot == now.kernelBoot, now.kernelBoot != 0 {
            elapsed &+= max(0, now.uptimeNanoseconds &- last.reading.uptimeNanoseconds)
        } else if last.reading.kernelBoot == 0 || now.kernelBoot == 0,
            now.uptimeNanoseconds >= last.reading.uptimeNanoseconds
        {
            // Nobody knows whether it is the same one: so much has passed at least, and nothing expires too soon.
            elapsed &+= now.uptimeNanoseconds &- last.reading.uptimeNanoseconds
        } else {
            elapsed &+= max(0, now.uptimeNanoseconds)
            unsettled = last
        }
        start = OutboxClockMark(elapsedNanoseconds: elapsed, reading: now)
        settle(now)
    }

    /// The time that passed, at a moment.
    mutating func elapsedNanoseconds(_ now: OutboxClockReading) -> Int64 {
        settle(now)
        return elapsed(now)
    }

    /// The time that passed, at an uptime; cheap.
    func elapsedNanoseconds(uptimeNanoseconds: Int64) -> Int64 {
        start.elapsedNanoseconds &+ max(0, uptimeNanoseconds &- start.reading.uptimeNanoseconds)
    }

    private func elapsed(_ now: OutboxClockReading) -> Int64 {
        elapsedNanoseconds(uptimeNanoseconds: now.uptimeNanoseconds)
    }

    /// Adds the time of a reboot as soon as both ends of it are known.
    private mutating func settle(_ now: OutboxClockReading) {
        guard let last = unsettled else { return }
        guard last.reading.isSynchronised else {
            unsettled = nil
            return
        }
        guard now.isSynchronised else { return }
        let between = now.wallNanoseconds.subtractingReportingOverflow(last.reading.wallNanoseconds)
        unsettled = nil
        guard !between.overflow, between.partialValue > 0 else { return }
        let total = last.elapsedNanoseconds.addingReportingOverflow(between.partialValue)
        guard !total.overflow else { return }
        let missing = total.partialValue &- elapsed(now)
        if missing > 0 { start.elapsedNanoseconds &+= missing }
    }
}
