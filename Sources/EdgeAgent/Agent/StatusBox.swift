internal import Synchronization

/// The agent's status as the control plane knows it.
/// - Thread: any.
final class StatusBox: Sendable {
    private let status: Mutex<AgentStatus>

    init(_ status: AgentStatus) { self.status = Mutex(status) }

    var value: AgentStatus { status.withLock { $0 } }

    func update(_ change: (inout AgentStatus) -> Void) { status.withLock { change(&$0) } }
}
