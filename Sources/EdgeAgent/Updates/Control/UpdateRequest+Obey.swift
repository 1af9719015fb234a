extension UpdateRequest {
    /// What the audit log has of a command: long arguments must not wash the rest out of it.
    private static let loggedCharacters = 256

    /// Obeys the request on one of these, and writes into the audit log who wanted what.
    func obey(_ updaters: [Updater], by actor: String) -> UpdateAnswer {
        switch verb {
        case .list: return list(updaters)
        case .history: return history(updaters)
        default: break
        }
        let chosen: Updater
        if let pipeline {
            guard let found = updaters.first(where: { $0.settings.pipeline == pipeline }) else {
                return refuse("there is no pipeline '\(pipeline)'")
            }
            chosen = found
        } else {
            guard let only = updaters.first, updaters.count == 1 else {
                let names = updaters.map(\.settings.pipeline).joined(separator: ", ")
                return refuse("name the pipeline: \(names)")
            }
            chosen = only
        }
        let answer = obey(chosen, by: actor)
        let asked = argument.map { "\(verb.rawValue) \($0)" } ?? verb.rawValue
        chosen.write(
            UpdateRecord(
                .commanded, actor: actor, code: answer.isAccepted ? nil : "rejected",
                detail:
                    "\(asked.prefix(Self.loggedCharacters)): \(answer.text.prefix(Self.loggedCharacters))"
            ))
        return answer
    }

    private func obey(_ chosen: Updater, by actor: String) -> UpdateAnswer {
        let command: UpdateCommand
        switch verb {
        case .pull:
            if let argument, ModelReference(argument) == nil {
                return refuse(
                    "'\(argument)' names no model, as plant/vibration:stable does; stage takes a directory"
                )
            }
            command = .pull(reference: argument)
        case .stage:
            guard let argument, argument.hasPrefix("/") else {
                return refuse("stage needs the absolute path of a bundle's directory")
            }
            command = .pull(reference: argument)
        case .promote: command = .promote
        case .rollback: command = .rollback
        case .unpin: command = .unpin
        case .hold: command = .hold
        case .unhold: command = .unhold
        case .acknowledge: command = .acknowledge
        case .pin:
            guard let (choice, digest) = chosen.choice(argument) else {
                return refuse(
                    "no version here has the digest '\(argument ?? "")': 'edge-agent model list' shows them"
                )
            }
            command = .pin(choice, digest)
        case .list, .history: return refuse("this is no command about one pipeline")
        }
        let answer = chosen.obey(command, by: actor)
        return UpdateAnswer(isAccepted: answer.isAccepted, text: answer.text)
    }

    private func list(_ updaters: [Updater]) -> UpdateAnswer {
        let lines = updaters.flatMap { updater in
            if let pipeline, pipeline != updater.settings.pipeline { return [String]() }
            return UpdateTool.describe(
                updater.machine.state, pipeline: updater.settings.pipeline,
                configured: updater.machine.configured?.origin ?? "")
        }
        return UpdateAnswer(isAccepted: true, text: lines.joined(separator: "\n"))
    }

    /// The last lines that fit into an answer.
    private func history(_ updaters: [Updater]) -> UpdateAnswer {
        let count = argument.map { Int($0) ?? -1 } ?? 20
        guard (0...200).contains(count) else {
            return refuse("the argument must be a number of lines, 0 to 200")
        }
        var left = 30_000
        var lines: [String] = []
        for line in (updaters.first?.auditLines(last: count) ?? []).reversed() {
            left -= line.utf8.count + 1
            guard left >= 0 else { break }
            lines.append(line)
        }
        return UpdateAnswer(isAccepted: true, text: lines.reversed().joined(separator: "\n"))
    }

    private func refuse(_ text: String) -> UpdateAnswer {
        UpdateAnswer(isAccepted: false, text: text)
    }
}

extension Updater {
    /// The version that a digest, or the start of one, names; nil: the active one.
    func choice(_ text: String?) -> (ModelChoice, SHA256Digest)? {
        let state = machine.state
        let known = [
            state.active, state.previous, state.candidate?.version.map(ModelChoice.stored),
        ]
        .compactMap { $0 }
        func digest(_ choice: ModelChoice) -> SHA256Digest? {
            choice.stored?.digest ?? machine.configured?.digest
        }
        guard let text else { return digest(state.active).map { (state.active, $0) } }
        let hexadecimal = text.hasPrefix("sha256:") ? String(text.dropFirst(7)) : text
        guard hexadecimal.utf8.count >= 8 else { return nil }
        for choice in known {
            if let digest = digest(choice), digest.hexadecimal.hasPrefix(hexadecimal) {
                return (choice, digest)
            }
        }
        return nil
    }
}
