/// What is wrong with a topic filter or template, and where.
package struct TopicError: Error, Sendable, Equatable {
    package enum Problem: Sendable, Equatable {
        case empty
        /// Longer than the 65 535 bytes that MQTT allows.
        case tooLong(bytes: Int)
        case containsNUL
        /// `+` and `#` stand for whole levels.
        case wildcardWithinLevel
        /// `#` stands for all levels that follow, so nothing can follow it.
        case multiLevelWildcardNotLast
        /// `{name}` stands for a whole level of a filter.
        case captureWithinLevel
        /// A `{` without its `}`, or a brace anywhere else.
        case unbalancedBrace
        /// A name has letters, digits, `_` and `-`, and begins with a letter.
        case invalidName(String)
        case duplicateName(String)
        /// More captures than ``TopicCaptures/maximumCount``.
        case tooManyCaptures
        /// `$share/group/filter` needs a group without wildcards and braces, and a filter.
        case invalidShare
        /// Nothing is published to a topic with wildcards.
        case wildcardInTemplate
        /// An outgoing topic has no empty levels.
        case emptyLevel
        /// Topics that begin with `$` belong to the broker.
        case reservedTopic
        case unknownName(String, known: [String])
    }

    package let problem: Problem
    /// The offset in bytes, counted from 0, of what is wrong.
    package let offset: Int

    package init(_ problem: Problem, at offset: Int) {
        self.problem = problem
        self.offset = offset
    }
}

extension TopicError: CustomStringConvertible {
    package var description: String {
        let what =
            switch problem {
            case .empty: "is empty"
            case .tooLong(let bytes): "has \(bytes) bytes, MQTT allows 65535"
            case .containsNUL: "contains a NUL"
            case .wildcardWithinLevel: "a wildcard must take a whole level"
            case .multiLevelWildcardNotLast: "'#' must be the last level"
            case .captureWithinLevel: "a capture must take a whole level"
            case .unbalancedBrace: "a brace without its counterpart"
            case .invalidName(let name):
                "'\(name)' is no name: letters, digits, '_' and '-', a letter first"
            case .duplicateName(let name): "'\(name)' is captured twice"
            case .tooManyCaptures: "more than \(TopicCaptures.maximumCount) captures"
            case .invalidShare: "a shared subscription is '$share/group/filter'"
            case .wildcardInTemplate: "a topic to publish to has no wildcards"
            case .emptyLevel: "a topic to publish to has no empty levels"
            case .reservedTopic: "topics that begin with '$' belong to the broker"
            case .unknownName(let name, let known):
                "'\(name)' is unknown here; known are \(known.joined(separator: ", "))"
            }
        return "byte \(offset): \(what)"
    }
}
