package import SensorIO

// What outlives a restart: each raised alarm, from the moment it changes, by the outbox; windows and counts now and then.
extension Pipeline {
    /// What a restart has found.
    package struct RestoreReport: Sendable {
        package var windows = 0
        package var alarmsThatGoOn = 0
        package var alarmsToClear = 0
        /// Why windows were not taken up; nil: they were, or there are none.
        package var windowsRefused: String?
    }

    /// An alarm of an earlier start that is to be cleared.
    struct RetiredAlarm {
        var key: [UInt8]
        var state: AlarmState
        var reason: ClearReason
        /// On which it was raised.
        var topics: AlarmTopics
    }

    /// Has the windows saved in a file. Before `restore`.
    ///
    /// - Parameter filled: signalled for whoever saves, while the pipeline runs.
    func saveWindows(in path: String, filled: EventDescriptor) -> PipelineState {
        let now = OutboxClockReading.now()
        let header = StateHeader(
            clock: now, modelHash: modelHash, inputsHash: model.inputsHash(settings),
            shape: bank.shape(clockIdentity: UInt64(bitPattern: now.kernelBoot)))
        let state = PipelineState(
            path: path, header: header, exchange: StateExchange(bank: bank, filled: filled),
            metrics: metrics, lane: lane)
        self.state = state
        return state
    }

    /// Takes up what an earlier start has left. Before `run()`; blocks on the disk.
    ///
    /// - Parameters:
    ///   - kept: of the pipeline's lane.
    ///   - maximumAgeNanoseconds: windows older than this are not taken up, and alarms cleared.
    package func restore(
        _ kept: [OutboxKept], maximumAgeNanoseconds: UInt64
    ) -> RestoreReport {
        var report = RestoreReport()
        guard let state else { return report }
        let now = AlarmInstant(
            monotonicNanoseconds: MonotonicClock.nanoseconds, wallNanoseconds: WallClock.nanoseconds
        )
        var age = SavedAge.unknown
        var saved: SavedState?
        do throws(StateFileError) {
            let read = try SavedState(
                path: state.path, maximumBytes: SavedState.maximumBytes(bank))
            age = SavedAge(saved: read.header.clock, now: .now())
            report.windowsRefused = refusal(read.header, age, maximumAgeNanoseconds)
            if report.windowsRefused == nil { saved = read }
        } catch {
            if !error.isMissing { report.windowsRefused = "\(state.path): \(error)" }
        }
        var raised: [Int: AlarmState] = [:]
        if let saved { raised = restoreWindows(saved, now: now, &report) }
        restoreTopics(kept, &report)
        for kept in kept where kept.key != AlarmTopics.key {
            restoreAlarm(kept, raised, age, maximumAgeNanoseconds, now: now, &report)
        }
        metrics.set(.assets, UInt64(bank.assetCount))
        metrics.set(.alarmsRaised, UInt64(alarms.raisedCount))
        return report
    }

    private func refusal(
        _ header: StateHeader, _ age: SavedAge, _ maximumAgeNanoseconds: UInt64
    ) -> String? {
        guard let own = state?.header else { return "" }
        if header.inputsHash != own.inputsHash { return "channels or topics have changed" }
        if header.shape != own.shape {
            return "windows of another shape, or on a clock that is no more"
        }
        switch age {
        case .unknown: return "nobody knows how old they are: a clock is not synchronised"
        case .known(let nanoseconds) where nanoseconds > maximumAgeNanoseconds:
            return "they are \(nanoseconds / 1_000_000_000) s old"
        case .known: return nil
        }
    }

    /// - Returns: the alarms that were raised when the windows were saved, by slot: the outbox knows better.
    private func restoreWindows(
        _ saved: SavedState, now: AlarmInstant, _ report: inout RestoreReport
    ) -> [Int: AlarmState] {
        var raised: [Int: AlarmState] = [:]
        let keepsCounts = saved.header.modelHash == state?.header.modelHash
        for entry in saved.entries {
            do throws(WindowError) {
                let slot = try unsafe saved.withWindow(entry) { bytes throws(WindowError) in
                    unsafe try bank.restoreAsset(
                        bytes, nowNanoseconds: now.monotonicNanoseconds)
                }
                report.windows += 1
                guard keepsCounts else { continue }
                if entry.alarm.isRaised {
                    raised[slot] = entry.alarm
                } else {
                    alarms.restore(slot: slot, entry.alarm)
                }
            } catch {
                report.windowsRefused = "\(error)"
            }
        }
        return raised
    }

    private func restoreTopics(_ kept: [OutboxKept], _ report: inout RestoreReport) {
        // Of an agent that kept none, they are taken to be the same.
        guard let kept = kept.first(where: { $0.key == AlarmTopics.key }) else { return }
        guard let topics = AlarmTopics(kept) else {
            report.windowsRefused = "saved topics are of another version"
            return
        }
        areTopicsKept = topics == alarmTopics
        if !areTopicsKept { earlierTopics = topics }
    }

    private func restoreAlarm(
        _ kept: OutboxKept, _ raised: [Int: AlarmState], _ age: SavedAge,
        _ maximumAgeNanoseconds: UInt64, now: AlarmInstant,
        _ report: inout RestoreReport
    ) {
        if let alert = RetiredAgentAlert(kept) {
            retiredAgentAlerts.append(alert)
            return
        }
        guard let saved = SavedAlarm(kept.bytes) else {
            report.windowsRefused = "a saved alarm is of another version"
            return
        }
        unsafe kept.key.withUnsafeBytes { key in
            let known = unsafe bank.slot(of: key)
            let decision = RestoredAlarm(
                saved, nameHash: nameHash, modelHash: modelHash, age: age,
                maximumAgeNanoseconds: maximumAgeNanoseconds,
                hasRoom: known != nil || bank.assetCount < bank.limits.maximumAssets)
            let topics = earlierTopics ?? alarmTopics
            // On other topics nobody would find its clear.
            guard case .goesOn(let isSameModel) = decision, topics.areAlarmsOnSame(as: alarmTopics),
                let slot = unsafe known ?? newSlot(key, now)
            else {
                retiredAlarms.append(
                    RetiredAlarm(
                        key: kept.key, state: saved.state, reason: .restarted, topics: topics))
                report.alarmsToClear += 1
                return
            }
            // Counts are those of the window's file if it speaks of the same raise.
            let counted = raised[slot].flatMap {
                $0.raisedBy == saved.state.raisedBy && $0.severity == saved.state.severity
                    ? $0 : nil
            }
            var alarm = counted ?? saved.state
            alarm.resume(
                rule: model.alarmRule, now: now, isSameModel: isSameModel,
                keepsCounts: counted != nil)
            alarms.restore(slot: slot, alarm)
            unsafe raisedKeys.keep(key, slot: slot)
            report.alarmsThatGoOn += 1
        }
    }

    private func newSlot(_ key: UnsafeRawBufferPointer, _ now: AlarmInstant) -> Int? {
        let outcome = unsafe bank.asset(key: key, nowNanoseconds: now.monotonicNanoseconds)
        if case .new(let slot) = outcome { return slot }
        return nil
    }

    // MARK: - While it runs

    /// Has the outbox keep how an alarm stands now; `nil`: it is cleared.
    func keep(_ state: AlarmState?, key: UnsafeRawBufferPointer) {
        guard let state else {
            return unsafe keep(key, UnsafeRawBufferPointer(start: nil, count: 0))
        }
        let saved = SavedAlarm(nameHash: nameHash, modelHash: modelHash, state: state)
        unsafe withUnsafeTemporaryAllocation(byteCount: SavedAlarm.byteCount, alignment: 8) {
            buffer in
            unsafe saved.write(to: buffer)
            unsafe keep(key, UnsafeRawBufferPointer(buffer))
        }
    }

    /// Has the outbox keep how one of the agent's own alerts stands now.
    func keep(_ alert: AgentAlert) {
        unsafe RetiredAgentAlert.withBytes(alert) { key, bytes in unsafe keep(key, bytes) }
    }

    private func keep(_ key: UnsafeRawBufferPointer, _ bytes: UnsafeRawBufferPointer) {
        // Known to the next start before anything that is raised there.
        if !areTopicsKept, unsafe !bytes.isEmpty, !hasRetired { keepTopics() }
        let sequence = lane.makeSequence()
        let now = MonotonicClock.nanoseconds
        switch unsafe lane.keep(sequence: sequence, key: key, bytes: bytes, nowNanoseconds: now) {
        case .awaited: keptAlarm = (sequence, now)
        case .later: break
        case .refused:
            unsafe undeliverable(key, reason: "the alarm's state does not fit the outbox's lane")
        }
    }

    /// Before the first alarm: what is done for the first time allocates.
    func prepareTopics() {
        if !areTopicsKept, !hasRetired { keepTopics() }
    }

    /// Only once nothing is raised on the earlier ones.
    private func keepTopics() {
        earlierTopics = nil
        areTopicsKept = unsafe AlarmTopics.key.withUnsafeBytes { key in
            unsafe alarmTopics.bytes.withUnsafeBytes { bytes in
                unsafe lane.keep(
                    sequence: lane.makeSequence(), key: key, bytes: bytes,
                    nowNanoseconds: MonotonicClock.nanoseconds) != .refused
            }
        }
    }

    /// Whether the readings that led to an alarm's change are held back until it is on the disk: for a second at
    /// most, since a card that takes longer must not stop the plant's readings.
    func isAlarmOnItsWay(durableSequence: UInt64) -> Bool {
        keptAlarm.sequence > durableSequence
            && MonotonicClock.nanoseconds &- keptAlarm.atNanoseconds < 1_000_000_000
    }

    /// Publishes the clears that wait for room in the lane: those of a restart, and of evicted assets.
    func publishRetired() {
        while let alert = retiredAgentAlerts.last, lane.hasRoom(forBytes: roomBytes) {
            retiredAgentAlerts.removeLast()
            clearAgentAlert(alert)
        }
        while let retired = retiredAlarms.last, lane.hasRoom(forBytes: roomBytes) {
            retiredAlarms.removeLast()
            unsafe retired.key.withUnsafeBytes { key in
                unsafe publishRetired(
                    retired.state, reason: retired.reason, subject: key, on: retired.topics)
            }
        }
        if earlierTopics != nil, !hasRetired { keepTopics() }
    }

    /// Whether clears wait that must come before anything else of their assets.
    var hasRetired: Bool { !retiredAlarms.isEmpty || !retiredAgentAlerts.isEmpty }

    /// Hands windows over if the saver waits for them; copies memory, and waits for nothing.
    func serveSaver() {
        guard let state, state.exchange.isRequested, !bank.hasDueWindow else { return }
        state.exchange.fill(
            from: bank, alarms: alarms, nowNanoseconds: MonotonicClock.nanoseconds,
            decided: max(lastKeptSequence, lastLiveSequence))
    }

    /// Saves the windows at the end; blocks on the disk.
    func saveFinally() {
        // Readings that are not safe come again: the windows must not know them already.
        guard let state, !holdsReadings, !bank.hasDueWindow else { return }
        do throws(StateFileError) {
            try state.saveFinally {
                state.exchange.fill(
                    from: bank, alarms: alarms, nowNanoseconds: MonotonicClock.nanoseconds,
                    decided: 0)
            }
        } catch {
            notices.post(.windowsNotSaved(reason: "\(state.path): \(error)"))
        }
    }
}
