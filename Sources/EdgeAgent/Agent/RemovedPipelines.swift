internal import Logging
internal import SensorIO

/// Clears what pipelines have left raised that are no longer configured, on the topics on which it was raised.
///
/// - Thread: one at a time, of the control plane; the producer of its lanes.
struct RemovedPipelines: Sendable {
    private struct Removed: Sendable {
        var name: String
        var lane: OutboxLane
        /// nil: an earlier agent did not keep them.
        var topics: AlarmTopics?
        var alarms: [(key: [UInt8], state: AlarmState)]
        var agentAlerts: [RetiredAgentAlert]
        var identity: EventIdentity
        /// Of the agent's own alerts, and of their retained state.
        var agentAlertTopic: String
        var agentStateTopic: String
    }

    /// A few hundred events find room; the rest waits for the next look.
    private static let laneBytes = 256 << 10

    private let agent: String
    private let boot: UInt64
    private var removed: [Removed] = []

    /// Says what will be cleared, and what cannot be.
    ///
    /// - Parameter ownLane: what the agent keeps for itself.
    /// - Throws: when there is no lane to be had.
    init(
        _ outbox: OutboxService, _ plan: AgentPlan, ownLane: String, logger: Logger
    ) throws(AgentError) {
        agent = plan.agent
        boot = outbox.boot.number
        let configured = Set(plan.pipelines.map(\.configuration.name) + [ownLane])
        let left = Dictionary(grouping: outbox.kept, by: \.scope)
        for (name, kept) in left.sorted(by: { $0.key < $1.key })
        where !configured.contains(name) {
            let topics = kept.lazy.compactMap(AlarmTopics.init).first
            let alarms = kept.compactMap { one in
                SavedAlarm(one.bytes).map { (key: one.key, state: $0.state) }
            }
            let agentAlerts = kept.compactMap(RetiredAgentAlert.init)
            let isKnown = topics != nil || alarms.isEmpty
            if !alarms.isEmpty {
                logger.log(
                    level: isKnown ? .notice : .warning,
                    isKnown
                        ? "alarms of a pipeline that is no longer configured are cleared"
                        : "alarms of a pipeline that is no longer configured stay raised: clear their retained states",
                    metadata: ["pipeline": "\(name)", "alarms": "\(alarms.count)"])
            }
            guard (isKnown && !alarms.isEmpty) || !agentAlerts.isEmpty else { continue }
            let lane: OutboxLane
            do throws(OutboxError) {
                lane = try outbox.makeLane(name: name, capacityBytes: Self.laneBytes)
            } catch {
                throw .outbox(error)
            }
            removed.append(
                Removed(
                    name: name, lane: lane, topics: topics, alarms: isKnown ? alarms : [],
                    agentAlerts: agentAlerts,
                    identity: EventIdentity(agent: agent, boot: boot, pipeline: name),
                    agentAlertTopic: topics?.agentAlerts.constantTopic ?? plan.agentAlertTopic,
                    agentStateTopic: topics?.agentStates.constantTopic
                        ?? plan.stateTopic(of: name)))
        }
    }

    /// Publishes as many clears as find room.
    mutating func publish(_ wallClock: WallClock, _ board: AlarmBoard) {
        guard !removed.isEmpty else { return }
        for index in removed.indices { publish(&removed[index], wallClock, board) }
        removed.removeAll { $0.alarms.isEmpty && $0.agentAlerts.isEmpty }
    }

    private func publish(_ pipeline: inout Removed, _ wallClock: WallClock, _ board: AlarmBoard) {
        let capacity = PipelineEventWriter.requiredBytes(
            identity: pipeline.identity, model: nil,
            maximumSubjectBytes: OutboxKept.maximumKeyBytes)
        let roomBytes = Pipeline.roomBytes(capacity)
        while let alert = pipeline.agentAlerts.last, pipeline.lane.hasRoom(forBytes: roomBytes) {
            pipeline.agentAlerts.removeLast()
            clear(alert, of: pipeline, wallClock)
        }
        var writer = PipelineEventWriter(identity: pipeline.identity, capacityBytes: capacity)
        while let topics = pipeline.topics, let alarm = pipeline.alarms.last,
            pipeline.lane.hasRoom(forBytes: roomBytes)
        {
            pipeline.alarms.removeLast()
            clear(alarm, on: topics, pipeline.lane, &writer, wallClock)
            board.note(
                .cleared,
                AlarmBoard.Alarm(
                    pipeline: pipeline.name, asset: String(decoding: alarm.key, as: UTF8.self),
                    severity: alarm.state.severity ?? .warning, score: nil, sinceNanoseconds: 0))
        }
        if pipeline.alarms.isEmpty, pipeline.agentAlerts.isEmpty {
            keepNothing(AlarmTopics.key, pipeline.lane)
        }
        pipeline.lane.flush()
    }

    private func clear(
        _ alarm: (key: [UInt8], state: AlarmState), on topics: AlarmTopics, _ lane: OutboxLane,
        _ writer: inout PipelineEventWriter, _ wallClock: WallClock
    ) {
        let event = AlertEvent(
            retiring: alarm.state, reason: .removed, sequence: lane.makeSequence(), threshold: 0,
            timeNanoseconds: WallClock.nanoseconds, clock: wallClock.state)
        var header = OutboxRecordHeader(
            sequence: event.sequence, recordClass: .alert, contentType: .cloudEventsJSON,
            createdNanoseconds: event.timeNanoseconds,
            isClockSynchronised: event.clock == .synchronised)
        unsafe alarm.key.withUnsafeBytes { key in
            let written = unsafe writer.writeAlert(event, subject: key, model: nil)
            unsafe submit(written, on: topics.alerts, key, header, lane, writer)
            header.sequence = lane.makeSequence()
            header.contentType = .json
            header.isRetained = true
            header.supersedes = true
            let state = unsafe writer.writeState(after: event, subject: key, model: nil)
            unsafe submit(state, on: topics.states, key, header, lane, writer)
        }
        keepNothing(alarm.key, lane)
    }

    private func submit(
        _ written: EventWriteResult, on template: TopicTemplate, _ key: UnsafeRawBufferPointer,
        _ header: OutboxRecordHeader, _ lane: OutboxLane, _ writer: borrowing PipelineEventWriter
    ) {
        guard case .written(_, let historicalOffset) = written else { return }
        var header = header
        header.historicalOffset = max(historicalOffset, 0)
        unsafe withUnsafeTemporaryAllocation(
            byteCount: TopicFilter.maximumBytes + 1, alignment: 1
        ) { topic in
            guard case .written(let count) = unsafe template.expand(into: topic, key) else {
                return
            }
            unsafe writer.withMessage { payload in
                // There is room; a lane that is full all the same counts it.
                _ = unsafe lane.submit(
                    header, topic: UnsafeRawBufferPointer(rebasing: topic[..<count]),
                    payload: payload, live: false)
            }
        }
    }

    private func clear(
        _ earlier: RetiredAgentAlert, of pipeline: Removed, _ wallClock: WallClock
    ) {
        var publisher = AgentAlertPublisher(
            lane: pipeline.lane, agent: agent, boot: boot, alertTopic: pipeline.agentAlertTopic)
        var states = AgentAlertStates()
        states.restore(earlier.label, earlier.raised)
        let alert = states.makeAlert(
            earlier.label, .cleared, sequence: publisher.makeSequence(), boot: boot,
            timeNanoseconds: WallClock.nanoseconds, clock: wallClock.state, value: 0, limit: 0,
            reason: .removed)
        publisher.publish(
            alert, AgentAlertPublisher.Text(subject: pipeline.name),
            stateTopic: pipeline.agentStateTopic)
        unsafe RetiredAgentAlert.withBytes(alert) { key, _ in
            unsafe keepNothing(Array(key), pipeline.lane)
        }
    }

    private func keepNothing(_ key: [UInt8], _ lane: OutboxLane) {
        unsafe key.withUnsafeBytes { key in
            // What finds no room is cleared again by the next start.
            _ = unsafe lane.keep(
                sequence: lane.makeSequence(), key: key,
                bytes: UnsafeRawBufferPointer(start: nil, count: 0),
                nowNanoseconds: MonotonicClock.nanoseconds)
        }
    }
}
