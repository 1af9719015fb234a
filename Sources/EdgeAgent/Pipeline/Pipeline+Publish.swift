internal import SensorIO

// From a decision to records: first into the outbox's lane, then, if the way is clear, at once to the broker.
extension Pipeline {
    /// Writes an alarm's event and its retained state, and sends both.
    func publishAlert(
        _ transition: AlertTransition, slot: Int, evaluation: Evaluation, state: AlarmState,
        contributors: Contributors
    ) {
        let key = unsafe bank.key(of: slot)
        let event = AlertEvent(
            transition, sequence: lane.makeSequence(), boot: settings.boot,
            evaluation: evaluation, state: state, rule: model.alarmRule, contributors: contributors)
        if transition == .raised {
            alarms.noteEvent(
                slot: slot, EventReference(boot: settings.boot, sequence: event.sequence))
            unsafe raisedKeys.keep(key, slot: slot)
        }
        unsafe send(event, subject: key, on: alarmTopics)
        if transition != .reminded {
            unsafe keep(transition == .cleared ? nil : alarms[slot], key: key)
        }
    }

    /// Clears the alarm of an asset whose slot another one has taken, so that none stays raised for ever.
    func retireAlarm(slot: Int) {
        let state = alarms[slot]
        guard alarms.retire(slot: slot) == .clear else { return }
        let key = unsafe raisedKeys.key(slot: slot)
        guard !hasRetired, lane.hasRoom(forBytes: roomBytes) else {
            // Nothing of the slot's next asset is decided before it: see `evaluateDueWindows`.
            retiredAlarms.append(
                RetiredAlarm(
                    key: unsafe Array(key), state: state, reason: .evicted, topics: alarmTopics))
            return
        }
        unsafe publishRetired(state, reason: .evicted, subject: key, on: alarmTopics)
    }

    /// Publishes a clear that no evaluation has caused. There is room for it.
    func publishRetired(
        _ state: AlarmState, reason: ClearReason, subject: UnsafeRawBufferPointer,
        on topics: AlarmTopics
    ) {
        let event = AlertEvent(
            retiring: state, reason: reason, sequence: lane.makeSequence(),
            threshold: model.alarmRule.clearBelow, timeNanoseconds: turnWallNanoseconds,
            clock: wallClock.state)
        unsafe send(event, subject: subject, on: topics)
        unsafe keep(nil, key: subject)
    }

    /// Clears one of the agent's own alerts that an earlier start has left raised.
    func clearAgentAlert(_ alert: RetiredAgentAlert) {
        agentAlerts.restore(alert.label, alert.raised)
        publishAgentAlert(
            alert.label, .cleared, value: 0, limit: 0, reason: .restarted, on: earlierTopics)
    }

    private func send(
        _ event: AlertEvent, subject: UnsafeRawBufferPointer, on topics: AlarmTopics
    ) {
        metrics.count(event.transition == .cleared ? .alertsCleared : .alertsRaised)
        let written = unsafe events.writeAlert(event, subject: subject, model: model.eventModel)
        var header = header(.alert, sequence: event.sequence)
        header.contentType = .cloudEventsJSON
        // Only the event: the retained state holds as long as the alarm does.
        header.expirySeconds = settings.expirySeconds
        unsafe submitEvent(topics.alerts, subject, written, header)

        let state = unsafe events.writeState(
            after: event, subject: subject, model: model.eventModel)
        header = self.header(.alert, sequence: lane.makeSequence())
        header.contentType = .json
        header.isRetained = true
        header.supersedes = true
        unsafe submitEvent(topics.states, subject, state, header)
        // Transitions are rare; the strings of a log line may be made here.
        notices.post(
            .alarm(
                event.transition, asset: unsafe String(decoding: subject, as: UTF8.self),
                severity: event.severity, score: event.evaluation?.score.value ?? 0))
    }

    /// Sends one score, in the class that is evicted first.
    func publishPrediction(slot: Int, evaluation: Evaluation) {
        metrics.count(.predictions)
        let key = unsafe bank.key(of: slot)
        var header = header(.prediction, sequence: lane.makeSequence())
        header.contentType = .cloudEventsJSON
        header.expirySeconds = settings.expirySeconds
        let written = unsafe events.writePrediction(
            evaluation, sequence: header.sequence,
            threshold: model.alarmRule.raiseAbove(ofBand: 0), subject: key,
            model: model.eventModel)
        if settings.predictionsQualityOfService == .atMostOnce, let alertSession {
            return unsafe publishOnce(key, written, header, on: alertSession)
        }
        unsafe submitEvent(settings.topics.predictions, key, written, header)
    }

    /// Sends a score that nobody keeps: not if there is no connection, and not again.
    private func publishOnce(
        _ subject: UnsafeRawBufferPointer, _ written: EventWriteResult,
        _ header: OutboxRecordHeader, on session: MQTTSession
    ) {
        guard case .written = written,
            case .written = unsafe settings.topics.predictions.expand(into: topicBuffer, subject)
        else { return unsafe undeliverable(subject, reason: "a prediction cannot be written") }
        // What the kernel does not take would pile up in the library's memory.
        if session.hasUnwritten { session.flush() }
        guard !session.hasUnwritten else { return metrics.count(.unsentPredictions) }
        let topic = unsafe topicBuffer.assumingMemoryBound(to: CChar.self).baseAddress!
        let outcome = unsafe events.withMessage { bytes in
            unsafe session.publish(
                topic: topic, payload: bytes, qualityOfService: .atMostOnce,
                contentType: header.contentType, messageExpirySeconds: header.expirySeconds)
        }
        if case .sent = outcome {
            metrics.count(.publishedLive)
        } else {
            metrics.count(.unsentPredictions)
        }
    }

    /// Sends one of the agent's own alerts about this pipeline, and its retained state.
    ///
    /// - Parameter topics: nil: those of now.
    func publishAgentAlert(
        _ label: AgentAlertLabel, _ transition: AlertTransition, value: Double, limit: Double,
        reason: ClearReason = .recovered, on topics: AlarmTopics? = nil
    ) {
        let topics = topics ?? alarmTopics
        let sequence = lane.makeSequence()
        let alert = agentAlerts.makeAlert(
            label, transition, sequence: sequence, boot: settings.boot,
            timeNanoseconds: turnWallNanoseconds, clock: wallClock.state, value: value,
            limit: limit, reason: reason)
        let subject = Array(settings.name.utf8)
        var header = header(.notice, sequence: sequence)
        header.contentType = .cloudEventsJSON
        let written = agentEvents.writeAlert(alert, subject: subject)
        unsafe agentEvents.withMessage { bytes in
            unsafe submit(topics.agentAlerts, nil, written, header, bytes)
        }
        header = self.header(.notice, sequence: lane.makeSequence())
        header.contentType = .json
        header.isRetained = true
        header.supersedes = true
        let state = agentEvents.writeState(after: alert, subject: subject)
        unsafe agentEvents.withMessage { bytes in
            unsafe submit(topics.agentStates, nil, state, header, bytes)
        }
        keep(alert)
        notices.post(.agentAlert(label, transition, value: value, limit: limit))
        alertSession?.flush()
    }

    private func header(
        _ recordClass: OutboxRecordClass, sequence: UInt64
    ) -> OutboxRecordHeader {
        OutboxRecordHeader(
            sequence: sequence, recordClass: recordClass, createdNanoseconds: turnWallNanoseconds,
            isClockSynchronised: wallClock.state == .synchronised)
    }

    private func submitEvent(
        _ topic: TopicTemplate, _ subject: UnsafeRawBufferPointer, _ written: EventWriteResult,
        _ header: OutboxRecordHeader
    ) {
        unsafe events.withMessage { bytes in unsafe submit(topic, subject, written, header, bytes) }
    }

    private func submit(
        _ topic: TopicTemplate, _ subject: UnsafeRawBufferPointer?, _ written: EventWriteResult,
        _ header: OutboxRecordHeader, _ bytes: UnsafeRawBufferPointer
    ) {
        guard case .written(_, let historicalOffset) = written else {
            return unsafe undeliverable(subject, reason: "the event is larger than its buffer")
        }
        guard case .written(let topicBytes) = unsafe topic.expand(into: topicBuffer, subject)
        else {
            return unsafe undeliverable(
                subject, reason: "the asset's key makes no valid topic of \(topic.text)")
        }
        var header = header
        header.historicalOffset = max(historicalOffset, 0)
        let topicText = unsafe UnsafeRawBufferPointer(rebasing: topicBuffer[..<topicBytes])
        let isReady = alertSession?.isReady == true && !inflight.isFull
        switch unsafe lane.submit(header, topic: topicText, payload: bytes, live: isReady) {
        case .kept:
            metrics.count(.publishedByOutbox)
            lastKeptSequence = header.sequence
        case .publishLive:
            unsafe publishLive(header, payload: bytes)
        case .full, .tooLarge:
            // `turn` reads nothing without room for what it may decide: this is a record beyond any lane.
            unsafe undeliverable(subject, reason: "the record does not fit the outbox's lane")
        }
    }

    /// Publishes a record that the lane already has, on this pipeline's own session.
    private func publishLive(_ header: OutboxRecordHeader, payload: UnsafeRawBufferPointer) {
        guard let alertSession else { return lane.handOver(sequence: header.sequence) }
        let outcome = unsafe alertSession.publish(
            topic: topicBuffer.assumingMemoryBound(to: CChar.self).baseAddress!, payload: payload,
            qualityOfService: .atLeastOnce, isRetained: header.isRetained,
            contentType: header.contentType, messageExpirySeconds: header.expirySeconds)
        switch outcome {
        case .sent(let identifier):
            inflight.insert(messageIdentifier: identifier, sequence: header.sequence)
            lastLiveSequence = header.sequence
            metrics.count(.publishedLive)
        case .notConnected, .windowFull, .tooLarge, .refused:
            // The outbox finds out what is wrong with it, and puts it aside if need be.
            lane.handOver(sequence: header.sequence)
            lastKeptSequence = header.sequence
            metrics.count(.publishedByOutbox)
        }
    }

    /// A PUBACK of the alert session.
    func published(_ identifier: Int32, _ reason: MQTTReasonCode) {
        guard let sequence = inflight.remove(messageIdentifier: identifier) else { return }
        if reason.isFailure {
            // The outbox has it now, in memory until its next commit.
            lastKeptSequence = max(lastKeptSequence, sequence)
            lane.reject(sequence: sequence, reasonCode: reason.rawValue)
        } else {
            lane.acknowledge(sequence: sequence)
        }
    }

    // MARK: - The sessions' states

    func sensorsChanged(_ state: MQTTSessionState) {
        if isConnected(state) { metrics.count(.sensorConnections) }
        notices.post(.sensors(state))
    }

    func alertsChanged(_ state: MQTTSessionState) {
        metrics.set(.alertsConnected, isConnected(state) ? 1 : 0)
        if isConnected(state) { metrics.count(.alertConnections) }
        if case .disconnected = state { handOver() }
        notices.post(.alerts(state))
    }

    /// Gives all that is in flight to the outbox.
    func handOver() {
        guard !inflight.isEmpty else { return }
        inflight.removeAll()
        lastKeptSequence = max(lastKeptSequence, lastLiveSequence)
        lane.releaseLive()
    }

    private func isConnected(_ state: MQTTSessionState) -> Bool {
        if case .connected = state { true } else { false }
    }

    func undeliverable(_ subject: UnsafeRawBufferPointer?, reason: String) {
        metrics.count(.undeliverableEvents)
        let asset = unsafe subject.map { unsafe String(decoding: $0, as: UTF8.self) } ?? ""
        notices.post(.undeliverable(asset: asset, reason: reason))
    }
}
