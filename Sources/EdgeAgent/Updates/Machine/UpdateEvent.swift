/// What happens to an update.
package enum UpdateEvent: Sendable {
    /// The process has started; nothing is loaded yet. `configured` is the bundle that the configuration names.
    case started(configured: ModelVersion)
    /// A model that was to decide cannot be loaded.
    case loadFailed(ModelChoice, UpdateRefusal)
    /// The process ends in good order.
    case stopping
    /// Time goes on. `random` in 0..<1 spreads polls.
    case tick(random: Double)
    case command(UpdateCommand, by: String)
    /// The registry's answer; nil: nothing new.
    case resolved(validator: String?)
    case registryFailed(message: String, isTransient: Bool, retryAfterSeconds: Int?, random: Double)
    case downloaded
    case verified(ModelVersion)
    /// Nothing is wrong, but the clock has to be synchronised first.
    case clockNeeded
    case refused(UpdateRefusal)
    case selfTested
    /// What the pipeline has counted since the shadow or the trial was last started.
    case observed(UpdateState.Tally, p99Nanoseconds: UInt64, limitNanoseconds: UInt64)
}

/// What a person asks for.
package enum UpdateCommand: Sendable, Equatable {
    /// Look for a new version now. nil: that of the configuration.
    case pull(reference: String?)
    /// Go on without waiting: from staged to self-test, from shadow to trial, from trial to committed.
    case promote
    case rollback
    /// Runs this version and no other.
    case pin(ModelChoice, SHA256Digest)
    case unpin
    case hold
    case unhold
    /// The alerts about updates are seen to.
    case acknowledge
}

/// What has to be done. The state is written, and synced, before any of it.
package enum UpdateAction: Sendable, Equatable {
    /// Ask the registry; answer with `.resolved` or `.registryFailed`.
    case resolve(reference: String, known: String?)
    case download
    case verify
    /// Golden vectors, speed and memory; answer with `.selfTested` or `.refused`.
    case selfTest(ModelVersion)
    case startShadow(ModelVersion)
    case stopShadow
    /// Makes this model decide. The one before is kept loaded where `keepsOld`.
    case decide(ModelChoice, keepsOld: Bool)
    /// Lets go of the model that was kept loaded.
    case releaseOld
    /// Removes what was downloaded and not taken over.
    case discardDownload
    case collectGarbage
    case record(UpdateRecord)
    /// The agent's own alert; what it is about.
    case raiseAlert(AgentAlertLabel, UpdateRecord)
    case clearAlert(UpdateState.RaisedAlert, ClearReason, ModelVersion?)
    case reply(isAccepted: Bool, String)
}

/// One line of the audit log, and one event.
package struct UpdateRecord: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case resolved, downloaded, verified, staged, selfTested, shadowStarted, trialStarted
        case committed, refused, rolledBack, pinned, unpinned, held, released, failed, waiting
        /// What somebody asked for, and what he was told.
        case commanded
    }

    package var kind: Kind
    package var version: ModelVersion?
    /// `agent`, or who gave the command.
    package var actor: String
    package var code: String?
    package var detail: String?

    package init(
        _ kind: Kind, _ version: ModelVersion? = nil, actor: String = "agent", code: String? = nil,
        detail: String? = nil
    ) {
        self.kind = kind
        self.version = version
        self.actor = actor
        self.code = code
        self.detail = detail
    }
}

/// A change of one of the agent's own alerts about updates.
package enum UpdateAlert: Sendable {
    /// The record says which version, and why.
    case raised(UpdateState.RaisedAlert, UpdateRecord)
    /// `version` is the one that works now, where that is why.
    case cleared(UpdateState.RaisedAlert, ClearReason, ModelVersion?)
}
