/// The windows of all assets of a pipeline, and which of them are due.
///
/// Everything is allocated when it is made. Each asset has a ring of rows; a window is the last
/// `samples` rows when it is complete, and then after every `hop` rows. The ring has `hop - 1` rows
/// more than a window, so a window that is due stays whole until the next one is.
///
/// Times, where payloads give them:
/// - A sample older than its asset's newest row is dropped as out of order, one as old as it as a
///   duplicate (a redelivery).
/// - If only older samples come for `clockRestartNanoseconds`, and at least `clockRestartSamples`
///   of them, the sensor's clock has been set back: the window begins anew with them.
/// - Times of arrival never step back, and equal ones are two samples.
///
/// A row per message: rows further apart than the maximum gap begin the window anew.
///
/// A fixed rate: there is a slot at every multiple of the interval. A slot's row has the last
/// observation of each channel that is not later than the slot. A slot is closed by the first
/// observation later than it, of any channel. If a channel has none, or one older than the maximum
/// age, the slot has no row, and the window begins anew: a window with a hole is not what the model
/// has learnt. An observation that comes after its slot was closed still counts for the following
/// ones.
/// - Thread: one at a time.
// Safe: all buffers are allocated in init, indexed by slots below maximumAssets, and freed in
// deinit.
@safe
package final class WindowBank {
    /// Where the asset of a sample is.
    package enum AssetOutcome: Sendable, Equatable {
        case known(Int)
        /// The slot is new, or was another asset's until now; its generation has changed.
        case new(Int)
        case refused(RejectionCause)
    }

    package let window: WindowDescription
    package let channelCount: Int
    package let timeAxis: SampleTimeAxis
    package let limits: AssetLimits
    package internal(set) var counters = WindowCounters()
    /// From which age on a due window that is replaced counts as late.
    package var lateAfterNanoseconds = UInt64.max

    /// How many older samples in a row, and for how long, tell a clock that was set back from late
    /// ones.
    package static let clockRestartSamples: UInt32 = 8
    package static let clockRestartNanoseconds: UInt64 = 10_000_000_000
    /// What all windows of a pipeline may need at most.
    package static let maximumBytes = 1 << 30

    struct Asset {
        /// Rows written since the slot was given out; the ring position is this modulo the ring's
        /// length.
        var rowsWritten: UInt64 = 0
        /// Rows that are still missing for the next complete window.
        var missingRows: Int32 = 0
        var olderInARow: UInt32 = 0
        var coalesced: UInt32 = 0
        /// Of these, older than `lateAfterNanoseconds` when the newer one came.
        var coalescedLate: UInt32 = 0
        /// When the oldest window came that has not been evaluated: the one due, or one it replaced.
        var waitingSince: UInt64 = 0
        var generation: UInt32 = 0
        var isDue = false
        /// In the due list, perhaps without being due any more.
        var isListed = false
        /// Newest row's time; at a fixed rate the newest observation's.
        var newestTime = Int64.min
        /// Fixed rate: the slot that is to be closed next.
        var nextSlot = Int64.min
        var acceptedAt: UInt64 = 0
        var dueRows: UInt64 = 0
        var dueArrival: UInt64 = 0
    }

    var table: AssetTable
    let ringRows: Int
    let assets: UnsafeMutableBufferPointer<Asset>
    let rows: UnsafeMutableBufferPointer<Float>
    let times: UnsafeMutableBufferPointer<Int64>
    /// Fixed rate: the last observation of each channel of each asset.
    let held: UnsafeMutableBufferPointer<Float>
    let heldTimes: UnsafeMutableBufferPointer<Int64>
    /// Slots of assets that may be due, as a ring, in the order in which they became it.
    private let dueList: UnsafeMutableBufferPointer<Int32>
    private var dueHead = 0
    private var dueCount = 0

    /// Allocates the windows of all assets.
    ///
    /// - Throws: `WindowError`, if a number is out of range or the memory would be too much.
    package init(
        window: WindowDescription, channelCount: Int, timeAxis: SampleTimeAxis,
        limits: AssetLimits = AssetLimits()
    ) throws(WindowError) {
        try window.check(channelCount: channelCount)
        try Self.check("channels", channelCount, 1...Int64(PayloadDecoder.maximumChannels))
        try Self.check("maximumAssets", limits.maximumAssets, 1...1_000_000)
        try Self.check("maximumKeyBytes", limits.maximumKeyBytes, 1...4096)
        ringRows = window.samples + window.hop - 1
        // None of the factors is above 2^22, so this cannot overflow.
        let perAsset = ringRows * (channelCount * 4 + 8) + limits.maximumKeyBytes
        guard perAsset <= Self.maximumBytes / limits.maximumAssets else {
            let needed = perAsset.multipliedReportingOverflow(by: limits.maximumAssets)
            throw .tooLarge(
                needed: needed.overflow ? .max : needed.partialValue, maximum: Self.maximumBytes)
        }
        self.window = window
        self.channelCount = channelCount
        self.timeAxis = timeAxis
        self.limits = limits
        table = AssetTable(limits)
        unsafe assets = .allocate(capacity: limits.maximumAssets)
        unsafe assets.initialize(repeating: Asset())
        unsafe rows = .allocate(capacity: limits.maximumAssets * ringRows * channelCount)
        unsafe times = .allocate(capacity: limits.maximumAssets * ringRows)
        let observations: Int
        if case .fixedRate = window.alignment {
            observations = limits.maximumAssets * channelCount
        } else {
            observations = 0
        }
        unsafe held = .allocate(capacity: observations)
        unsafe held.initialize(repeating: .nan)
        unsafe heldTimes = .allocate(capacity: observations)
        unsafe heldTimes.initialize(repeating: .min)
        unsafe dueList = .allocate(capacity: limits.maximumAssets)
        unsafe dueList.initialize(repeating: -1)
        // The big ones are left as they are: a page that no asset needs costs nothing. They are
        // read only where rows have been written.
    }

    deinit {
        unsafe assets.deallocate()
        unsafe rows.deallocate()
        unsafe times.deallocate()
        unsafe held.deallocate()
        unsafe heldTimes.deallocate()
        unsafe dueList.deallocate()
    }

    /// Finds or makes the slot of the asset that a valid sample belongs to.
    ///
    /// Ask only for samples that have been decoded: a topic that sends rubbish must not take a
    /// place.
    package func asset(
        key: UnsafeRawBufferPointer, nowNanoseconds: UInt64
    ) -> AssetOutcome {
        switch unsafe table.touch(key, nowNanoseconds: nowNanoseconds) {
        case .found(let slot): return .known(slot)
        case .added(let slot):
            prepare(slot)
            return .new(slot)
        case .replaced(let slot):
            counters.evictedAssets &+= 1
            prepare(slot)
            return .new(slot)
        case .refused(let cause):
            counters.refusedAssets &+= 1
            return .refused(cause)
        }
    }

    /// Takes a sample of an asset in.
    ///
    /// - Parameters:
    ///   - slot: From `asset(key:nowNanoseconds:)`, for the same message.
    ///   - row: One value a channel; NaN is a channel that the message did not have.
    ///   - timeNanoseconds: On `timeAxis`.
    ///   - arrivalNanoseconds: The monotonic clock when the message was read.
    package func append(
        asset slot: Int, row: UnsafeBufferPointer<Float>, timeNanoseconds: Int64,
        arrivalNanoseconds: UInt64
    ) -> AppendOutcome {
        precondition(table.isUsed(slot), "the slot belongs to an asset")
        precondition(row.count == channelCount, "a row has one value for each channel")
        let outcome =
            switch window.alignment {
            case .perMessage:
                unsafe appendRow(slot, row, timeNanoseconds, arrivalNanoseconds)
            case .fixedRate(let interval, let maximumAge):
                unsafe observe(
                    slot, row, timeNanoseconds, arrivalNanoseconds,
                    interval: interval, maximumAge: maximumAge)
            }
        switch outcome {
        case .outOfOrder: counters.outOfOrder &+= 1
        case .duplicate: counters.duplicates &+= 1
        case .accepted, .incompleteRow: break
        }
        return outcome
    }

    /// Whether a window waits for its evaluation.
    package var hasDueWindow: Bool {
        for index in 0..<dueCount {
            let slot = unsafe Int(dueList[(dueHead + index) % limits.maximumAssets])
            if unsafe assets[slot].isDue { return true }
        }
        return false
    }

    /// Takes the window that has been due for longest off the list.
    ///
    /// - Returns: Its description, or `nil` if none is due. Use its rows before the next sample is
    ///   appended.
    package func nextDue() -> DueWindow? {
        while dueCount > 0 {
            let slot = unsafe Int(dueList[dueHead])
            dueHead = dueHead + 1 == limits.maximumAssets ? 0 : dueHead + 1
            dueCount -= 1
            unsafe assets[slot].isListed = false
            guard unsafe assets[slot].isDue else { continue }
            let asset = unsafe assets[slot]
            unsafe assets[slot].isDue = false
            unsafe assets[slot].coalesced = 0
            unsafe assets[slot].coalescedLate = 0
            let last = ring(asset.dueRows - 1)
            let first = ring(asset.dueRows - UInt64(window.samples))
            return unsafe DueWindow(
                asset: slot, generation: asset.generation,
                firstSampleNanoseconds: times[slot * ringRows + first],
                lastSampleNanoseconds: times[slot * ringRows + last],
                arrivalNanoseconds: asset.dueArrival, coalesced: asset.coalesced,
                coalescedLate: asset.coalescedLate, waitingSinceNanoseconds: asset.waitingSince,
                rowsWritten: asset.dueRows)
        }
        return nil
    }

    /// Gives the rows of a window, in order, as one or two runs (the second may be empty).
    ///
    /// - Shape: each run [time, channel], row-major.
    /// - Returns: `nil`, without a call, if the rows have been overwritten since.
    package func withRows<R>(
        of due: DueWindow,
        _ body: (UnsafeBufferPointer<Float>, UnsafeBufferPointer<Float>) -> R
    ) -> R? {
        guard isIntact(due) else { return nil }
        let first = ring(due.rowsWritten - UInt64(window.samples))
        let run = min(window.samples, ringRows - first)
        let base = due.asset * ringRows * channelCount
        let start = base + first * channelCount
        return unsafe body(
            UnsafeBufferPointer(rebasing: rows[start..<(start + run * channelCount)]),
            UnsafeBufferPointer(
                rebasing: rows[base..<(base + (window.samples - run) * channelCount)]))
    }

    /// The bytes of an asset's key, empty for a slot without one. Valid until the asset is evicted.
    package func key(of asset: Int) -> UnsafeRawBufferPointer { unsafe table.key(of: asset) }

    /// The slot of an asset that has a place.
    package func slot(of key: UnsafeRawBufferPointer) -> Int? { unsafe table.find(key) }

    /// Assets that have a place now.
    package var assetCount: Int { table.count }

    private func isIntact(_ due: DueWindow) -> Bool {
        guard due.asset >= 0, due.asset < limits.maximumAssets else { return false }
        let asset = unsafe assets[due.asset]
        return asset.generation == due.generation
            && asset.rowsWritten >= due.rowsWritten
            && asset.rowsWritten - due.rowsWritten < UInt64(window.hop)
    }

    @inline(__always)
    func ring(_ row: UInt64) -> Int { Int(row % UInt64(ringRows)) }

    /// Gives a slot to another asset.
    private func prepare(_ slot: Int) {
        let old = unsafe assets[slot]
        if old.isDue { counters.abandonedEvaluations &+= 1 }
        var asset = Asset()
        asset.generation = old.generation &+ 1
        asset.isListed = old.isListed
        asset.missingRows = Int32(window.samples)
        unsafe assets[slot] = asset
        forgetObservations(slot)
    }

    func forgetObservations(_ slot: Int) {
        guard unsafe !held.isEmpty else { return }
        for channel in 0..<channelCount {
            unsafe held[slot * channelCount + channel] = .nan
            unsafe heldTimes[slot * channelCount + channel] = .min
        }
    }

    /// Puts an asset on the due list unless it is there; it has room for every asset once.
    func list(_ slot: Int) {
        guard unsafe !assets[slot].isListed else { return }
        unsafe assets[slot].isListed = true
        let tail = dueHead + dueCount
        unsafe dueList[tail >= limits.maximumAssets ? tail - limits.maximumAssets : tail] =
            Int32(slot)
        dueCount += 1
    }

    private static func check(
        _ name: String, _ actual: Int, _ allowed: ClosedRange<Int64>
    ) throws(WindowError) {
        guard allowed.contains(Int64(actual)) else {
            throw .outOfRange(name, actual: Int64(actual), allowed: allowed)
        }
    }
}
