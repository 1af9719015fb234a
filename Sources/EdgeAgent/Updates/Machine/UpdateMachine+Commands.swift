// What a person asks for, and the answer.
extension UpdateMachine {
    mutating func obey(_ command: UpdateCommand, _ actor: String) {
        switch command {
        case .pull(let other): pull(other, actor)
        case .promote: promote(actor)
        case .rollback: rollback(actor)
        case .pin(let choice, let digest): pin(choice, digest, actor)
        case .unpin:
            state.pin = nil
            record(.unpinned, actor: actor)
            accept("no version is pinned any more")
        case .hold:
            state.isHeld = true
            record(.held, actor: actor)
            accept("held: nothing new is looked for, and nothing new goes to work")
        case .unhold:
            state.isHeld = false
            record(.released, actor: actor)
            accept("updates go on")
        case .acknowledge:
            guard !state.alerts.isEmpty else { return reject("no alert about updates is raised") }
            clearAlerts(.acknowledged)
            accept("the alerts about updates are cleared")
        }
    }

    private mutating func pull(_ other: String?, _ actor: String) {
        guard let reference = other ?? reference else {
            return reject("nothing to pull: name a model, or set updates.model of the pipeline")
        }
        if let candidate = state.candidate {
            guard candidate.phase == .resolving || candidate.phase == .downloading else {
                return reject("a new version is in \(candidate.phase.rawValue) already")
            }
        }
        failures = 0
        clearAlerts(.acknowledged)
        begin(reference, known: nil, isManual: true)
        accept("looking for \(reference)")
    }

    private mutating func promote(_ actor: String) {
        guard let candidate = state.candidate, candidate.version != nil else {
            return reject("no new version is staged")
        }
        state.candidate?.isManual = true
        switch candidate.phase {
        case .staged:
            advanceStaged()
            accept("the staged version goes to its self-test")
        case .shadow:
            startTrial()
            accept("the new version decides, on trial")
        case .trial:
            commit(actor: actor)
            accept("the new version is committed")
        case .selfTest, .resolving, .downloading, .verifying:
            accept("the new version goes on by itself: it is in \(candidate.phase.rawValue)")
        }
    }

    private mutating func rollback(_ actor: String) {
        if state.candidate != nil || state.previous != nil { clearAlerts(.acknowledged) }
        if let candidate = state.candidate {
            switch candidate.phase {
            case .staged, .selfTest, .shadow, .trial:
                fail(.byHand("taken back by hand"), actor: actor)
                accept("the new version is gone, \(Self.name(state.active)) works")
            case .resolving, .downloading, .verifying:
                state.candidate = nil
                actions.append(.discardDownload)
                accept("the download is stopped")
            }
            return
        }
        guard let previous = state.previous else {
            return reject("there is no version to go back to")
        }
        if let version = state.active.stored ?? configured {
            var gone = UpdateState.Candidate(phase: .trial, reference: "")
            gone.version = version
            gone.validator = state.active == .configured ? nil : state.validator
            state.refuse(gone, code: "by-hand")
        }
        record(.rolledBack, state.active.stored, actor: actor, code: "by-hand")
        state.active = previous
        state.previous = nil
        state.pin = nil
        state.crashes = 0
        actions.append(.decide(previous, keepsOld: false))
        accept("\(Self.name(previous)) works again")
    }

    private mutating func pin(_ choice: ModelChoice, _ digest: SHA256Digest, _ actor: String) {
        if state.candidate != nil, state.candidate?.version?.digest != digest {
            if case .resolving? = state.candidate?.phase {
                state.candidate = nil
            } else {
                fail(.notPinned(pinned: digest), actor: actor)
                state.candidate = nil
            }
        }
        state.pin = digest
        clearAlerts(.acknowledged)
        record(.pinned, choice.stored, actor: actor, detail: "\(digest)")
        if choice != state.active, state.candidate == nil {
            state.previous = state.active
            state.active = choice
            state.crashes = 0
            actions.append(.decide(choice, keepsOld: false))
        }
        accept("pinned to \(digest)")
    }

    private mutating func accept(_ text: String) {
        actions.append(.reply(isAccepted: true, text))
    }

    private mutating func reject(_ text: String) {
        actions.append(.reply(isAccepted: false, text))
    }

    private static func name(_ choice: ModelChoice) -> String {
        choice.stored.map { "\($0.name) \($0.version)" } ?? "the configured bundle"
    }
}
