// The worker's dealings with the database.
extension OutboxWorker {
    /// So many salvages in a row, then a pause: in the meantime memory is what there is.
    static let maximumSalvages = 3
    static let salvagePauseNanoseconds: UInt64 = 600_000_000_000

    /// Writes what is due.
    func commitIfDue() {
        guard let due = core.commitDue(now: now), due <= now else { return }
        commit()
    }

    func commit() {
        guard store != nil || reopen() else { return }
        if core.isBacklogForgotten {
            scan()
            guard !core.isBacklogForgotten else { return }
        }
        var writesRecords = core.areInsertsDue(now: now)
        if writesRecords {
            // No live record may overtake what goes to the disk now: what was submitted before the lanes
            // are closed is in this transaction, what comes later is the outbox's to send.
            for lane in lanes { lane.close() }
            readLanes()
            for lane in lanes { lane.close() }
            // PUBACKs may have been among it.
            writesRecords = core.areInsertsDue(now: now)
        }
        let batch = core.makeBatch(withInserts: writesRecords)
        guard let store else { return }
        do throws(SQLiteError) {
            if batch.isEmpty {
                guard core.isDiskFailed else { return }
                try store.probe()
                core.committed(batch, OutboxWriteReport())
            } else {
                core.committed(batch, try store.write(batch))
                if !batch.outdated.isEmpty { learnQuarantine(store) }
            }
            needsUpkeep = true
            lastActivity = now
            if store.isLogLarge { try store.checkpoint() }
        } catch {
            diskFailed(error, batch: batch)
        }
    }

    func load(_ recordClass: OutboxRecordClass, after id: Int64, limit: Int) {
        guard let source = store ?? reader else {
            core.loadFailed(now: now)
            return
        }
        do throws(SQLiteError) {
            let (records, damaged) = try source.rows(recordClass, after: id, limit: limit)
            guard damaged.isEmpty || store == nil else {
                // Their topics are not known for certain, so the counts are made anew.
                scan()
                return
            }
            core.loaded(records, of: recordClass)
        } catch {
            core.loadFailed(now: now)
            if store != nil { diskFailed(error) }
            reader = nil
        }
    }

    /// Reacts to an error of the database: what it may be good for afterwards depends on the kind.
    func diskFailed(_ error: SQLiteError, batch: OutboxBatch? = nil) {
        switch error.kind {
        case .corrupt:
            salvage(error)
            return
        case .inputOutput, .cannotOpen, .readOnly, .other:
            // What this handle believes to be on the disk is in doubt; the next attempt opens a new one. For reading it
            // has to do until then.
            reader = store ?? reader
            store = nil
        case .full, .busy, .memory:
            break
        }
        core.commitFailed(error, batch: batch, now: now)
        lastActivity = now
    }

    /// Opens the database again after a failure, and learns what is really on the disk.
    private func reopen() -> Bool {
        guard now >= core.diskRetryAt else { return false }
        do throws(SQLiteError) {
            if hasOpened {
                let salvage = OutboxSalvage(configuration: configuration)
                try salvage.finishInterrupted()
                let store = try OutboxStore(configuration: configuration)
                // Everything that is only in the log, and perhaps only in the kernel's memory after a failed
                // fsync, is written and synchronised anew before anything is built on it.
                try store.checkpoint(truncate: true)
                reader = nil
                self.store = store
            } else {
                let opening = try OutboxOpening(configuration: configuration, now: .now())
                opening.events.forEach(report)
                store = opening.store
                core.renumber(after: opening.highestCounter)
                hasOpened = true
            }
        } catch {
            store = nil
            if error.isDamageAtOpening {
                salvage(error)
            } else {
                diskFailed(error)
            }
            return store != nil
        }
        scan()
        return store != nil
    }

    /// Learns what is on the disk.
    func scan() {
        guard let store else { return }
        var damaged: [Int64] = []
        // Half a scan knows half of the rows: what was known before is worth more.
        let before = core
        core.beginScan()
        do throws(SQLiteError) {
            core.scannedQuarantine(try store.refusedStates())
            try store.scan { id, record in
                if let record {
                    core.scanned(record)
                } else {
                    damaged.append(id)
                }
            }
            if !damaged.isEmpty {
                try store.quarantineDamaged(damaged)
                for id in damaged { core.countDrop(OutboxRecord.recordClass(of: id), .damaged, 1) }
            }
            quarantined = try store.quarantinedCount()
        } catch {
            core = before
            if !before.isScanned {
                core.beginScan()
                core.endScan()
                core.forgetBacklog()
            }
            diskFailed(error)
            return
        }
        core.endScan()
    }

    /// Counts anew what is in the quarantine. Where that fails the old count, and topics that no longer have a state
    /// there, cost a look each.
    private func learnQuarantine(_ store: OutboxStore) {
        guard let states = try? store.refusedStates(), let count = try? store.quarantinedCount()
        else { return }
        core.refusedStates = states.topics
        quarantined = count
    }

    /// Moves a damaged database aside and goes on with what can be saved from it.
    private func salvage(_ reason: SQLiteError) {
        store = nil
        reader = nil
        // A disk that damages what was just saved to it would keep us at this for ever, and fill itself up.
        if now &- salvagedAt > Self.salvagePauseNanoseconds { salvages = 0 }
        guard salvages < Self.maximumSalvages else {
            core.commitFailed(reason, now: now)
            core.diskRetryAt = max(core.diskRetryAt, salvagedAt &+ Self.salvagePauseNanoseconds)
            return
        }
        salvages += 1
        salvagedAt = now
        do throws(SQLiteError) {
            let salvage = OutboxSalvage(configuration: configuration)
            report(try salvage.run(reason: reason, now: .now()))
            store = try OutboxStore(configuration: configuration)
        } catch {
            core.commitFailed(error, now: now)
            return
        }
        scan()
    }

    func closeStore() {
        reader = nil
        guard let store else { return }
        // A failure here costs nothing: the log is read at the next start, which takes the end for a crash.
        if !core.isDiskFailed { try? store.endBoot() }
        try? store.checkpoint(truncate: true)
        self.store = nil
    }
}
