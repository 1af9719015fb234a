/// What a session is subscribed to, and how far each subscription has come. Pure but for
/// ``send(over:now:timeout:)``.
struct MQTTSubscriptionTable {
    private enum Progress {
        case wanted(at: UInt64)
        case sent(messageIdentifier: Int32, deadline: UInt64)
        case granted
    }

    private struct Entry {
        let subscription: MQTTSubscription
        var progress = Progress.wanted(at: 0)
        var backoff: Backoff
    }

    private var entries: [Entry]
    /// When something is to be sent again, or is overdue; nil when everything is granted.
    private(set) var nextDeadline: UInt64?

    init(_ subscriptions: [MQTTSubscription], backoff: BackoffPolicy) {
        entries = subscriptions.map {
            Entry(subscription: $0, backoff: Backoff(policy: backoff))
        }
    }

    var areAllGranted: Bool { nextDeadline == nil }

    /// Asks for everything on a new connection, also where the broker has kept the session: killed between two
    /// saves it comes back with the session and without its subscriptions, and an older configuration may have
    /// made the session. Asking again loses nothing that is queued.
    mutating func connected() {
        for index in entries.indices { entries[index].progress = .wanted(at: 0) }
        updateDeadline()
    }

    /// Sends a SUBSCRIBE for each entry whose time has come.
    mutating func send(over connection: MosquittoConnection, now: UInt64, timeout: UInt64) {
        for index in entries.indices {
            guard case .wanted(let time) = entries[index].progress, time <= now else { continue }
            var identifier: Int32 = 0
            let code = connection.subscribe(
                entries[index].subscription, messageIdentifier: &identifier)
            // A SUBSCRIBE that cannot be queued (no memory) is tried again in a second.
            entries[index].progress =
                code == 0
                ? .sent(messageIdentifier: identifier, deadline: now &+ timeout)
                : .wanted(at: now &+ 1_000_000_000)
        }
        updateDeadline()
    }

    /// Whether a SUBACK has not come in time.
    func isOverdue(at now: UInt64) -> Bool {
        entries.contains { entry in
            if case .sent(_, let deadline) = entry.progress { deadline <= now } else { false }
        }
    }

    /// Takes a SUBACK; nil if nobody waits for it.
    mutating func acknowledged(
        messageIdentifier: Int32, code: MQTTReasonCode, now: UInt64,
        using random: inout some RandomNumberGenerator
    ) -> MQTTSubscriptionEvent? {
        for index in entries.indices {
            guard case .sent(messageIdentifier, _) = entries[index].progress else { continue }
            defer { updateDeadline() }
            let subscription = entries[index].subscription
            guard code.isFailure else {
                entries[index].progress = .granted
                entries[index].backoff.succeeded(forNanoseconds: .max)
                return .granted(
                    subscription, code.rawValue == 0 ? .atMostOnce : .atLeastOnce)
            }
            let wait = entries[index].backoff.nextWaitNanoseconds(using: &random)
            entries[index].progress = .wanted(at: now &+ wait)
            return .refused(
                subscription, .subscriptionRefused(filter: subscription.filter, code),
                retryInNanoseconds: wait)
        }
        return nil
    }

    private mutating func updateDeadline() {
        nextDeadline = nil
        for entry in entries {
            switch entry.progress {
            case .wanted(let time): nextDeadline = min(nextDeadline ?? .max, time)
            case .sent(_, let deadline): nextDeadline = min(nextDeadline ?? .max, deadline)
            case .granted: break
            }
        }
    }
}
