// How samples become rows.
extension WindowBank {
    /// A row per message.
    func appendRow(
        _ slot: Int, _ row: UnsafeBufferPointer<Float>, _ time: Int64, _ arrival: UInt64
    ) -> AppendOutcome {
        for channel in 0..<channelCount where unsafe row[channel].isNaN { return .incompleteRow }
        let newest = unsafe assets[slot].newestTime
        if newest != .min {
            if let refusal = refusal(slot, isOlder: time < newest, isEqual: time == newest, arrival)
            {
                return refusal
            }
            // Times on both axes are far from Int64's bounds; wrapping would only reset a window.
            if let gap = window.maximumGapNanoseconds, time >= newest, time &- newest > gap {
                resetForGap(slot)
            }
        }
        unsafe assets[slot].newestTime = time
        unsafe assets[slot].acceptedAt = arrival
        unsafe assets[slot].olderInARow = 0
        unsafe push(slot, row, time, arrival)
        return .accepted
    }

    /// An observation of some channels, at a fixed rate.
    func observe(
        _ slot: Int, _ row: UnsafeBufferPointer<Float>, _ time: Int64, _ arrival: UInt64,
        interval: Int64, maximumAge: Int64
    ) -> AppendOutcome {
        let base = slot * channelCount
        var newerChannels = 0
        var equalChannels = 0
        var presentChannels = 0
        for channel in 0..<channelCount where unsafe !row[channel].isNaN {
            presentChannels += 1
            let last = unsafe heldTimes[base + channel]
            if time > last { newerChannels += 1 }
            if time == last { equalChannels += 1 }
        }
        guard presentChannels > 0 else { return .incompleteRow }
        if newerChannels == 0 {
            let refusal = refusal(
                slot, isOlder: equalChannels == 0, isEqual: equalChannels > 0, arrival)
            if let refusal { return refusal }
        }
        let newest = unsafe assets[slot].newestTime
        if newest == .min {
            unsafe assets[slot].nextSlot = Self.firstSlot(notBefore: time, interval: interval)
        } else if time > newest {
            closeSlots(
                slot, before: time, arrival: arrival, interval: interval, maximumAge: maximumAge)
        }
        unsafe assets[slot].newestTime = max(newest, time)
        unsafe assets[slot].acceptedAt = arrival
        unsafe assets[slot].olderInARow = 0
        for channel in 0..<channelCount where unsafe !row[channel].isNaN {
            guard unsafe time >= heldTimes[base + channel] else { continue }
            unsafe held[base + channel] = unsafe row[channel]
            unsafe heldTimes[base + channel] = time
        }
        return .accepted
    }

    /// What to do with a sample that is not newer than what the asset has; `nil`: take it.
    ///
    /// After a clock restart all that the asset had is forgotten, so that the sample is its first.
    private func refusal(
        _ slot: Int, isOlder: Bool, isEqual: Bool, _ arrival: UInt64
    ) -> AppendOutcome? {
        guard timeAxis == .epoch, isOlder || isEqual else { return nil }
        guard isOlder else { return .duplicate }
        let older = unsafe assets[slot].olderInARow &+ 1
        unsafe assets[slot].olderInARow = older
        let since = unsafe assets[slot].acceptedAt
        guard older >= Self.clockRestartSamples, arrival > since,
            arrival - since >= Self.clockRestartNanoseconds
        else { return .outOfOrder }
        counters.clockRestarts &+= 1
        unsafe assets[slot].missingRows = Int32(window.samples)
        unsafe assets[slot].newestTime = .min
        forgetObservations(slot)
        return nil
    }

    /// Writes the rows of all slots that lie before `time`.
    private func closeSlots(
        _ slot: Int, before time: Int64, arrival: UInt64, interval: Int64, maximumAge: Int64
    ) {
        let base = slot * channelCount
        var next = unsafe assets[slot].nextSlot
        guard next < time else { return }
        var oldest = Int64.max
        for channel in 0..<channelCount { oldest = unsafe min(oldest, heldTimes[base + channel]) }
        let row = unsafe UnsafeBufferPointer(rebasing: held[base..<(base + channelCount)])
        while next < time {
            guard oldest != .min, next &- oldest <= maximumAge else {
                // Ages only grow from here on, so none of the other slots has a row either.
                let skipped = (time &- 1 &- next) / interval &+ 1
                next = next &+ skipped &* interval
                counters.incompleteSlots &+= UInt64(clamping: skipped)
                resetForGap(slot)
                break
            }
            unsafe push(slot, row, next, arrival)
            next = next &+ interval
        }
        unsafe assets[slot].nextSlot = next
    }

    /// The multiple of the interval at or after a time.
    private static func firstSlot(notBefore time: Int64, interval: Int64) -> Int64 {
        let remainder = time % interval
        return remainder == 0 ? time : time &- remainder &+ (time > 0 ? interval : 0)
    }

    /// Begins the window anew, if it has begun; one that is due stays so until its rows are
    /// overwritten.
    private func resetForGap(_ slot: Int) {
        guard unsafe assets[slot].missingRows < Int32(window.samples) else { return }
        counters.gapResets &+= 1
        unsafe assets[slot].missingRows = Int32(window.samples)
    }

    private func push(
        _ slot: Int, _ row: UnsafeBufferPointer<Float>, _ time: Int64, _ arrival: UInt64
    ) {
        var asset = unsafe assets[slot]
        let position = ring(asset.rowsWritten)
        let start = (slot * ringRows + position) * channelCount
        for channel in 0..<channelCount { unsafe rows[start + channel] = unsafe row[channel] }
        unsafe times[slot * ringRows + position] = time
        asset.rowsWritten &+= 1
        asset.missingRows -= 1
        counters.rows &+= 1
        if asset.missingRows == 0 {
            asset.missingRows = Int32(window.hop)
            counters.completedWindows &+= 1
            if asset.isDue {
                asset.coalesced &+= 1
                counters.coalescedEvaluations &+= 1
                if arrival > asset.dueArrival,
                    arrival &- asset.dueArrival > lateAfterNanoseconds
                {
                    asset.coalescedLate &+= 1
                }
            } else {
                asset.waitingSince = arrival
            }
            asset.isDue = true
            asset.dueRows = asset.rowsWritten
            asset.dueArrival = arrival
        } else if asset.isDue, asset.rowsWritten - asset.dueRows >= UInt64(window.hop) {
            // Only after a reset: the new rows have reached the old window.
            asset.isDue = false
            counters.abandonedEvaluations &+= 1
        }
        unsafe assets[slot] = asset
        if asset.isDue { list(slot) }
    }
}
