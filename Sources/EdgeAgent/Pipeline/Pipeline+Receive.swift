internal import SensorIO

// From a message to rows in windows.
extension Pipeline {
    /// Takes one message in: route, decode, append.
    ///
    /// Runs inside libmosquitto's callback; allocates nothing.
    func receive(_ message: borrowing MQTTMessage) {
        let start = MonotonicClock.nanoseconds
        metrics.count(.messages)
        unsafe metrics.count(.payloadBytes, by: UInt64(message.payload.count))
        let topic = unsafe message.topic
        guard let route = unsafe router.route(topic, captures: &captures) else {
            return metrics.count(.unroutedMessages)
        }
        // A retained reading may be of any age; without a time of its own it is not usable.
        if message.isRetained && decoder.timeAxis == .monotonic {
            return metrics.count(.retainedIgnored)
        }
        let clock = ArrivalClock(
            monotonicNanoseconds: readableAt, wallNanoseconds: turnWallNanoseconds,
            isWallSynchronised: wallClock.state == .synchronised)
        let outcome =
            if let capture = settings.channelCaptures[route] {
                unsafe decoder.decode(
                    message.payload, channelName: captured(capture, of: topic), clock: clock)
            } else {
                unsafe decoder.decode(message.payload, clock: clock)
            }
        switch outcome {
        case .rejected(let cause): unsafe reject(cause, topic: topic)
        case .samples(let count):
            guard
                let keyBytes = unsafe settings.keys[route].write(
                    topic: topic, captures: captures, into: keyBuffer)
            else { return unsafe reject(.invalidAssetKey, topic: topic) }
            let key = unsafe UnsafeRawBufferPointer(rebasing: keyBuffer[..<keyBytes])
            for index in 0..<count {
                unsafe take(sample: index, key: key, topic: topic, since: start)
            }
            if settings.onOverrun == .evaluate,
                mustAwaitAcknowledgements || !lane.hasRoom(forBytes: roomBytes)
            {
                sensors.pauseReading()
            }
        }
    }

    private func take(
        sample index: Int, key: UnsafeRawBufferPointer, topic: UnsafeRawBufferPointer,
        since start: UInt64
    ) {
        let time: Int64
        switch decoder.sample(index) {
        case .rejected(let cause): return unsafe reject(cause, topic: topic)
        case .sample(let nanoseconds): time = nanoseconds
        }
        let slot: Int
        switch unsafe bank.asset(key: key, nowNanoseconds: readableAt) {
        case .refused(let cause): return unsafe reject(cause, topic: topic)
        case .known(let known): slot = known
        case .new(let new):
            slot = new
            retireAlarm(slot: new)
            metrics.set(.assets, UInt64(bank.assetCount))
        }
        let outcome = unsafe bank.append(
            asset: slot, row: UnsafeBufferPointer(decoder.row), timeNanoseconds: time,
            arrivalNanoseconds: readableAt)
        let spent = MonotonicClock.nanoseconds &- start
        unsafe decodeNanoseconds[slot] = UInt32(truncatingIfNeeded: min(spent, 0xFFFF_FFFF))
        switch outcome {
        case .accepted: metrics.count(.samples)
        case .outOfOrder: metrics.count(.outOfOrderSamples)
        case .duplicate: metrics.count(.duplicateSamples)
        case .incompleteRow: metrics.count(.incompleteRows)
        }
        // A bulk pipeline evaluates every window, so none may be replaced by a newer one.
        if settings.onOverrun == .evaluate {
            waitForRoom()
            evaluateDueWindows(awaits: false)
        }
    }

    /// Waits for the outbox to take what fills the lane.
    ///
    /// A turn reads up to `MQTTSession.readBudget` messages, whose records may be more than the lane holds. Only
    /// a bulk pipeline waits: without room its window would stay due, and be replaced by the next reading's.
    private func waitForRoom() {
        while !lane.hasRoom(forBytes: roomBytes), !control.isStopRequested {
            lane.flush()
            lane.wantsWake = true
            guard !lane.hasRoom(forBytes: roomBytes) else { return }
            roomPoll.removeAll()
            roomPoll.add(lane.wakeDescriptor, .readable)
            roomPoll.wait(deadlineNanoseconds: MonotonicClock.nanoseconds &+ 100_000_000)
            lane.drainWake()
            // A card that takes its time is no thread that hangs.
            countTurn()
        }
        if hasRetired { publishRetired() }
    }

    private func captured(
        _ capture: Int, of topic: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer {
        let range = captures[capture]
        let start = Int(range.start)
        return unsafe UnsafeRawBufferPointer(rebasing: topic[start..<(start + Int(range.count))])
    }

    private func reject(_ cause: RejectionCause, topic: UnsafeRawBufferPointer) {
        metrics.count(cause)
        guard
            let notice = unsafe ledger.record(
                cause, topic: topic, nowNanoseconds: readableAt)
        else { return }
        // At a bounded rate, so this may allocate.
        notices.post(
            .rejected(
                cause, topic: unsafe String(decoding: topic, as: UTF8.self), count: notice.count,
                suppressed: notice.suppressed))
    }
}
