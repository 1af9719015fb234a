internal import Glibc

/// Opens the database of an outbox, whatever state it is in.
struct OutboxOpening {
    var store: OutboxStore
    var start: OutboxStore.Start
    /// What an earlier start kept.
    var kept: [OutboxKept]
    /// In the identifier of any row, or of any refused state; 0 if there are none.
    var highestCounter: Int64
    /// What had to be done.
    var events: [OutboxEvent]

    /// Opens, salvages if the database is damaged, and settles the boot number.
    ///
    /// - Throws: what stands in the way of a usable database; worth another try later.
    init(configuration: OutboxConfiguration, now: OutboxClockReading) throws(SQLiteError) {
        let salvage = OutboxSalvage(configuration: configuration)
        try salvage.finishInterrupted()
        var events: [OutboxEvent] = []
        if let damage = salvage.damageUnseenBySQLite() {
            events.append(try salvage.run(reason: damage, now: now))
        }
        let rows: (rows: [OutboxKept], damaged: Int)
        do throws(SQLiteError) {
            store = try OutboxStore(configuration: configuration)
            start = try store.beginBoot(now: now)
            highestCounter = try store.highestCounter()
            rows = try store.takeKeptRows()
        } catch {
            guard error.isDamageAtOpening else { throw error }
            events.append(try salvage.run(reason: error, now: now))
            store = try OutboxStore(configuration: configuration)
            start = try store.beginBoot(now: now)
            highestCounter = try store.highestCounter()
            rows = try store.takeKeptRows()
        }
        kept = rows.rows
        if rows.damaged > 0 { events.append(.keptDamaged(count: rows.damaged)) }
        self.events = events
    }
}
