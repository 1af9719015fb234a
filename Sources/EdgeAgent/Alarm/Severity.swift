/// How bad an alarm is, as ITU-T X.733 names it.
package enum Severity: UInt8, Sendable, Comparable, CaseIterable {
    case warning = 1
    case minor = 2
    case major = 3
    case critical = 4

    /// The name as it stands in configuration, bundle and events.
    package var name: StaticString {
        switch self {
        case .warning: "warning"
        case .minor: "minor"
        case .major: "major"
        case .critical: "critical"
        }
    }

    /// The severity of this name, nil for another word.
    package init?(name: String) {
        guard let match = Severity.allCases.first(where: { $0.name.description == name }) else {
            return nil
        }
        self = match
    }

    package static func < (left: Severity, right: Severity) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// What decided: the model, or the bundle's simpler rule while the budget does not hold.
package enum AlarmOrigin: UInt8, Sendable {
    case model = 0
    case fallback = 1

    /// The name as it stands in events.
    package var name: StaticString {
        switch self {
        case .model: "model"
        case .fallback: "fallback"
        }
    }
}
