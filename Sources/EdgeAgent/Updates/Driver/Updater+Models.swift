internal import CLinuxShims
internal import InferenceRuntime
internal import SensorIO

// Models: loaded and tested here, exchanged with the pipeline's thread, freed here.
extension Updater {
    /// A bundle with its tested model.
    package struct Loaded {
        package var bundle: ModelBundle
        package var activated: ModelActivation.Activated
        package var alarmRule: AlarmRule?
    }

    /// Decides what runs after a start, loads and tests it. Blocks for a moment.
    ///
    /// - Returns: nil when only the configured bundle is left: it is loaded as ever, and what is wrong with it is
    ///   the configuration's error.
    package func start(configured: ModelBundle) -> Loaded? {
        handle(.started(configured: ModelVersion(configured)))
        // Each failure takes one choice away; there are three.
        for _ in 0..<4 {
            guard case .stored(let version) = machine.state.decider else { return nil }
            do throws(UpdateRefusal) {
                return try load(version)
            } catch {
                handle(.loadFailed(.stored(version), error))
            }
        }
        return nil
    }

    /// Takes over the pipeline, which runs `model` now.
    package func attach(_ pipeline: UpdatedPipeline, deciding model: PipelineModel.View) {
        self.pipeline = pipeline
        deciding = model
        guard let candidate = machine.state.candidate else { return }
        // What a start could not do without a pipeline.
        if candidate.phase == .selfTest, let version = candidate.version {
            perform(.selfTest(version))
        }
    }

    func load(_ version: ModelVersion) throws(UpdateRefusal) -> Loaded {
        var bundle = try box.store.load(version, agentVersion: settings.agentVersion)
        let rule: AlarmRule?
        do throws(AlarmRuleError) {
            rule = try settings.adapt(&bundle.manifest)
        } catch {
            throw .unusable("alarm: \(error)")
        }
        do throws(PipelineError) {
            let activated = try ModelActivation.activate(
                bundle, alarmRule: rule, engines: settings.engines,
                limitNanoseconds: settings.inferenceLimitNanoseconds)
            return Loaded(bundle: bundle, activated: activated, alarmRule: rule)
        } catch .tooSlow(let p99, let limit) {
            throw .tooSlow(p99Nanoseconds: p99, limitNanoseconds: limit)
        } catch .goldenMismatch(let vector, let output, let expected, let actual) {
            throw .goldenMismatch(
                "golden vector \(vector): output \(output) is \(actual), expected \(expected)")
        } catch {
            throw .unusable(
                "\(error): try the bundle with 'edge-agent model check' before it is published")
        }
    }

    func selfTest(_ version: ModelVersion) {
        do throws(UpdateRefusal) {
            let loaded = try load(version)
            let model = loaded.activated.model
            let bytes = model.withSession { session in session.model.arenaBytes }
            guard bytes <= settings.memoryLimitBytes else {
                throw .tooLarge(bytes: bytes, limitBytes: settings.memoryLimitBytes)
            }
            if let deciding, let reason = Pipeline.refusal(of: model, insteadOf: deciding) {
                throw .unusable(reason)
            }
            candidate = (model, loaded.activated.p99Nanoseconds)
            handle(.selfTested)
        } catch {
            candidate = nil
            handle(.refused(error))
        }
    }

    func startShadow() {
        guard let pipeline, let candidate else { return }
        let shadow = ShadowModel(candidate.model, costNanoseconds: candidate.costNanoseconds)
        self.shadow = shadow
        send(
            ModelDelivery(
                model: nil, setsShadow: true, shadow: shadow, settings: pipeline.settings))
    }

    func stopShadow() {
        shadow = nil
        guard let pipeline else { return }
        send(ModelDelivery(model: nil, setsShadow: true, settings: pipeline.settings))
    }

    /// Brings a model to the pipeline, to decide from its next turn on.
    func decide(_ choice: ModelChoice, keepsOld: Bool) {
        guard let pipeline else { return }
        var next: PipelineModel?
        if keepsOld {
            next = candidate?.model
        } else {
            next = kept
            kept = nil
            candidate = nil
        }
        if next == nil || !isModel(next, choice) { next = loadChoice(choice) }
        guard let next else {
            return box.complain(
                "the model that should work cannot be loaded: it does after a restart")
        }
        if let deciding, let reason = Pipeline.refusal(of: next, insteadOf: deciding) {
            return box.complain("the model that should work takes other inputs: \(reason)")
        }
        deciding = next.view
        shadow = nil
        send(
            ModelDelivery(model: next, setsShadow: true, settings: pipeline.settings),
            keepsOld: keepsOld)
    }

    private func isModel(_ model: PipelineModel?, _ choice: ModelChoice) -> Bool {
        guard case .stored(let version) = choice else { return true }
        return model?.eventModel.digest == version.digest.description
    }

    private func loadChoice(_ choice: ModelChoice) -> PipelineModel? {
        switch choice {
        case .configured: return loadConfigured()
        case .stored(let version):
            do throws(UpdateRefusal) {
                return try load(version).activated.model
            } catch {
                box.complain("\(error)")
                return nil
            }
        }
    }

    private func loadConfigured() -> PipelineModel? {
        guard let configured = machine.configured else { return nil }
        do throws(BundleError) {
            var bundle = try ModelBundle(
                directory: configured.origin, agentVersion: settings.agentVersion)
            let rule = try? settings.adapt(&bundle.manifest)
            return try? ModelActivation.activate(
                bundle, alarmRule: rule ?? nil, engines: settings.engines,
                limitNanoseconds: settings.inferenceLimitNanoseconds
            ).model
        } catch {
            box.complain("\(error)")
            return nil
        }
    }

    // MARK: The exchange

    private func send(_ delivery: ModelDelivery, keepsOld: Bool = false) {
        outgoing.append((delivery, keepsOld))
        collectModels()
    }

    /// Frees what came back, and sends what waits.
    func collectModels() {
        guard let pipeline else { return }
        // Dropped here, on this thread: what nobody else holds is freed.
        var hasFreed = false
        if let back = pipeline.collect() {
            if underwayKeepsOld { kept = back.model } else { hasFreed = true }
        }
        // Fifty exchanges would leave as many holes that the next models do not fit.
        if hasFreed { els_release_free_memory() }
        if let next = outgoing.first, pipeline.deliver(next.delivery) {
            underwayKeepsOld = next.keepsOld
            outgoing.removeFirst()
        }
    }

    /// Tells the machine what was counted.
    func observe() {
        guard let phase = machine.state.candidate?.phase else { return }
        switch phase {
        case .shadow:
            guard let shadow else { return }
            handle(
                .observed(
                    shadow.tally.value,
                    p99Nanoseconds: shadow.latency.snapshot().percentile(0.99),
                    limitNanoseconds: settings.inferenceLimitNanoseconds))
        case .trial:
            guard let deciding else { return }
            handle(.observed(deciding.tally.value, p99Nanoseconds: 0, limitNanoseconds: 0))
        default: break
        }
    }
}
