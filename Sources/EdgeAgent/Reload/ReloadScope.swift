/// What a reload can apply while everything runs; all other keys wait for a restart.
package enum ReloadScope: String, CaseIterable, Sendable {
    case logLevel
    case outbox
    case alarm
    case predictions

    /// The paths of the reference that belong to it; a section stands for all of its keys.
    package var references: [String] {
        switch self {
        case .logLevel: ["agent.logLevel"]
        case .outbox:
            [
                "outbox.maximumBytes", "outbox.maximumAge", "outbox.commitDelay",
                "outbox.drainRate", "outbox.maximumMemoryBytes", "outbox.maximumQuarantined",
                "outbox.writeBudget",
            ]
        case .alarm: ["pipelines[].alarm"]
        case .predictions: ["pipelines[].predictions.mode", "pipelines[].predictions.everyNth"]
        }
    }

    /// The scope that a path of the reference belongs to; nil: it needs a restart.
    init?(reference: String) {
        let scope = Self.allCases.first { scope in
            scope.references.contains {
                reference == $0 || reference.hasPrefix("\($0).") || reference.hasPrefix("\($0)[")
            }
        }
        guard let scope else { return nil }
        self = scope
    }
}
