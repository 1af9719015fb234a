package import SensorIO
internal import Synchronization

/// Something a pipeline's thread has to say to people: it happens rarely and ends in the log.
package enum PipelineNotice: Sendable {
    /// The session with the sensors' broker changed its state.
    case sensors(MQTTSessionState)
    /// The broker answered a subscription.
    case subscription(MQTTSubscriptionEvent)
    /// The session that live alerts go out on changed its state.
    case alerts(MQTTSessionState)
    /// Messages that could not be used; at a bounded rate, the others are only counted.
    case rejected(RejectionCause, topic: String, count: UInt64, suppressed: UInt64)
    /// An alarm of an asset changed.
    case alarm(AlertTransition, asset: String, severity: Severity, score: Float)
    /// One of the agent's own alerts about this pipeline changed.
    case agentAlert(AgentAlertLabel, AlertTransition, value: Double, limit: Double)
    /// An event could not be written as configured: its topic would be invalid for this asset.
    case undeliverable(asset: String, reason: String)
    /// The lane to the outbox is full: the pipeline reads no more until there is room.
    case outboxBehind(isBehind: Bool)
    /// The windows could not be saved at the end.
    case windowsNotSaved(reason: String)
    /// A setting of the thread could not be applied.
    case scheduling(operation: String, errorNumber: Int32)
}

/// Carries notices from a pipeline's thread to the control plane, which polls it.
///
/// The sender never waits: while the reader holds the lock, or the box is full, a notice is counted
/// and dropped. What must not be lost goes through the outbox, not through here.
package final class NoticeBox: Sendable {
    private static let capacity = 256

    private let notices: Mutex<[PipelineNotice]>
    private let dropped = Atomic<UInt64>(0)

    package init() {
        notices = Mutex(Self.makeEmpty())
    }

    /// The sender never grows it.
    private static func makeEmpty() -> [PipelineNotice] {
        var notices: [PipelineNotice] = []
        notices.reserveCapacity(capacity)
        return notices
    }

    /// - Thread: the pipeline's.
    func post(_ notice: PipelineNotice) {
        let kept = notices.withLockIfAvailable { notices in
            guard notices.count < Self.capacity else { return false }
            notices.append(notice)
            return true
        }
        if kept != true { dropped.add(1, ordering: .relaxed) }
    }

    /// Takes what has come, and how many notices were dropped so far.
    /// - Thread: the control plane's.
    package func take() -> (notices: [PipelineNotice], dropped: UInt64) {
        guard !notices.withLock({ $0.isEmpty }) else {
            return ([], dropped.load(ordering: .relaxed))
        }
        // Made outside of the lock, by the reader.
        let empty = Self.makeEmpty()
        let taken = notices.withLock { notices in
            let taken = notices
            notices = empty
            return taken
        }
        return (taken, dropped.load(ordering: .relaxed))
    }
}
