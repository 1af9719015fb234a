// Versions on their way to the store.
extension Updater {
    func perform(_ action: UpdateAction) {
        switch action {
        case .resolve(let reference, let known): resolve(reference, known)
        case .download: download()
        case .verify: verify()
        case .selfTest(let version):
            // Without a pipeline there is nothing to test for yet; `attach` comes back to it.
            if pipeline != nil { selfTest(version) }
        case .startShadow: startShadow()
        case .stopShadow: stopShadow()
        case .decide(let choice, let keepsOld): decide(choice, keepsOld: keepsOld)
        case .releaseOld:
            kept = nil
            candidate = nil
        case .discardDownload: box.store.discard(partial)
        case .collectGarbage:
            box.store.collectGarbage(
                keeping: machine.state.keptDigests.union(box.keptElsewhere()))
        case .record(let record): write(record)
        case .raiseAlert(let label, let record): raiseAlert(label, record)
        case .clearAlert(let raised, let reason, let version):
            box.alert(.cleared(raised, reason, version))
        case .reply: break
        }
    }

    /// Its event is known on the disk before anybody sees it: over a restart its end names it.
    private func raiseAlert(_ label: AgentAlertLabel, _ record: UpdateRecord) {
        let raised = UpdateState.RaisedAlert(
            label: label, atNanoseconds: box.clock().wallNanoseconds, by: box.reserveEvent())
        if let index = machine.state.alerts.firstIndex(where: { $0.label == label }) {
            machine.state.alerts[index] = raised
            _ = write(isUrgent: true)
        }
        box.alert(.raised(raised, record))
    }

    private var partial: PartialDownload { box.store.partialDownload(of: settings.pipeline) }

    /// The last lines of the audit log. Blocks on the disk.
    func auditLines(last count: Int) -> [String] { box.audit.lines(last: count) }

    /// Writes a line of the audit log, and reports it. Blocks on the disk.
    func write(_ record: UpdateRecord) {
        let now = box.clock()
        do throws(BundleError) {
            try box.audit.append(
                record, pipeline: settings.pipeline, timeNanoseconds: now.wallNanoseconds,
                clock: now.state)
        } catch {
            box.complain("\(error)")
        }
        box.report(record)
    }

    // MARK: Registry

    /// Starts a job; answers of earlier ones count no more.
    private func begin() -> (job: Int, control: DownloadControl) {
        control?.cancel()
        job += 1
        let control = DownloadControl(limits: settings.downloadLimits)
        self.control = control
        return (job, control)
    }

    private func resolve(_ text: String, _ known: String?) {
        let (job, control) = begin()
        resolved = nil
        if text.hasPrefix("/") { return resolveDirectory(text, job) }
        guard let registry = box.registry, let reference = ModelReference(text) else {
            let what =
                box.registry == nil ? "no registry is configured" : "'\(text)' names no model"
            return handle(
                .registryFailed(
                    message: what, isTransient: false, retryAfterSeconds: nil, random: 0.5))
        }
        let inbox = inbox
        box.spawn {
            do throws(RegistryError) {
                let model = try registry.resolve(
                    reference, known: known.map { RegistryValidator(text: $0) },
                    control: control)
                inbox.post(job, .resolved(validator: model?.validator.text), model)
            } catch {
                inbox.post(job, Self.failure(error))
            }
        }
    }

    private func download() {
        guard let model = resolved else { return copyDirectory() }
        let (job, control) = begin()
        guard let registry = box.registry else { return }
        let (inbox, partial) = (inbox, partial)
        box.spawn {
            do throws(RegistryError) {
                try registry.download(model, into: partial, control: control)
                inbox.post(job, .downloaded)
            } catch {
                inbox.post(job, Self.failure(error))
            }
        }
    }

    private static func failure(_ error: RegistryError) -> UpdateEvent {
        .registryFailed(
            message: "\(error); \(error.advice)", isTransient: error.isTransient,
            retryAfterSeconds: error.retryAfter.map { Int(clamping: $0.components.seconds) },
            random: Double.random(in: 0..<1))
    }

    // MARK: A directory named by hand

    private func resolveDirectory(_ path: String, _ job: Int) {
        do throws(BundleError) {
            let files = try BundleFiles(directory: path)
            inbox.post(job, .resolved(validator: files.digest.description))
        } catch {
            inbox.post(job, Self.failure(RegistryError(.notFound, "\(error)")))
        }
    }

    private func copyDirectory() {
        guard let path = machine.state.candidate?.reference, path.hasPrefix("/") else { return }
        do throws(BundleError) {
            let files = try BundleFiles(directory: path)
            box.store.discard(partial)
            var contents: [String: [UInt8]] = [:]
            for name in files.names { contents[name] = files[name] }
            try BundleWriter.write(contents, into: partial.path)
            inbox.post(job, .downloaded)
        } catch {
            inbox.post(job, Self.failure(RegistryError(.storage, "\(error)")))
        }
    }

    // MARK: Verification

    private func verify() {
        let state = machine.state
        do throws(UpdateRefusal) {
            let verdict = try settings.verifier.verify(
                directory: partial.path,
                highestRelease: state.highestReleases[state.name], clock: clockReading)
            guard case .verified(let bundle) = verdict else { return handle(.clockNeeded) }
            let manifest = bundle.manifest
            let version = ModelVersion(
                name: manifest.name, version: manifest.version.description,
                release: manifest.release, digest: bundle.digest,
                origin: resolved?.origin ?? state.candidate?.reference ?? "")
            do throws(BundleError) {
                try box.store.adopt(partial, as: version)
            } catch {
                throw .malformed("the model store: \(error)")
            }
            handle(.verified(version))
        } catch {
            handle(.refused(error))
        }
    }
}
