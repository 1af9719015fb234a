internal import SensorIO

// The agent as a whole, its outbox, its HTTP server and its process.
extension MetricFamily {
    static let agent: [MetricFamily] = [
        MetricFamily("build_info", .info, labels: ["version"], "The agent's version.") {
            $1.sample(1 as UInt64, ("version", $0.status.version))
        },
        single("boot_number", .gauge, "Number of this start of the agent, as in the ids of events.")
        {
            Double($0.status.boot)
        },
        single(
            "ready", .gauge, "1 while every subscription is granted and live alerts have their way."
        ) {
            $0.isReady ? 1 : 0
        },
        single(
            "clock_synchronised", .gauge, "1 while the kernel says that its clock is disciplined."
        ) {
            $0.status.clock == .synchronised ? 1 : 0
        },
        MetricFamily(
            "log_messages_total", .counter, labels: ["level"], "Warnings and errors of the log."
        ) {
            $1.sample($0.warnings, ("level", "warning"))
            $1.sample($0.errors, ("level", "error"))
        },
        single(
            "state_written_bytes_total", .counter, unit: "bytes",
            "Bytes of windows saved while the agent runs."
        ) { Double($0.stateBytesWritten) },
    ]

    static let outbox: [MetricFamily] = [
        single("uplink_connected", .gauge, "1 while the outbox's session with the uplink stands.") {
            $0.outbox.isUplinkConnected ? 1 : 0
        },
        single(
            "uplink_connections_total", .counter,
            "Connections of the outbox's session: the first, and reconnects."
        ) { Double($0.uplinkConnections) },
        MetricFamily(
            "outbox_records", .gauge, labels: ["class"],
            "Records that wait for the broker, on the disk and in memory."
        ) { snapshot, writer in
            for recordClass in OutboxRecordClass.allCases {
                let depth = snapshot.outbox.depthByClass[Int(recordClass.rawValue)]
                writer.sample(depth, ("class", "\(recordClass)"))
            }
        },
        single("outbox_memory_records", .gauge, "Of these, records that are in memory only.") {
            Double($0.outbox.memoryRecords)
        },
        single("outbox_memory_bytes", .gauge, unit: "bytes", "What records in memory take.") {
            Double($0.outbox.memoryBytes)
        },
        single("outbox_database_bytes", .gauge, unit: "bytes", "Pages in use of the database file.")
        {
            Double($0.outbox.databaseBytes)
        },
        single(
            "outbox_oldest_record_age_seconds", .gauge, unit: "seconds",
            "Age of the oldest record on the disk that waits; 0: none does."
        ) { $0.outbox.oldestAgeSeconds ?? 0 },
        single("outbox_accepted_records_total", .counter, "Records that the outbox was given.") {
            Double($0.outbox.accepted)
        },
        MetricFamily(
            "outbox_delivered_records_total", .counter, labels: ["by"],
            "Records that the broker has acknowledged, published by the pipeline itself or by the outbox."
        ) {
            $1.sample($0.outbox.deliveredLive, ("by", "pipeline"))
            $1.sample($0.outbox.delivered &- $0.outbox.deliveredLive, ("by", "outbox"))
        },
        single(
            "outbox_spared_records_total", .counter,
            "Records whose PUBACK came before they were written to the disk."
        ) { Double($0.outbox.sparedTheDisk) },
        single(
            "outbox_superseded_records_total", .counter,
            "Records that a later state of the same topic made worthless."
        ) { Double($0.outbox.superseded) },
        MetricFamily(
            "outbox_dropped_records_total", .counter, labels: ["class", "cause"],
            "Records that were given up."
        ) { snapshot, writer in
            for recordClass in OutboxRecordClass.allCases {
                for cause in OutboxDropCause.allCases {
                    writer.sample(
                        snapshot.outbox.drops[Int(recordClass.rawValue)][cause.rawValue],
                        ("class", "\(recordClass)"), ("cause", cause.name))
                }
            }
        },
        single(
            "outbox_quarantined_records", .gauge,
            "Records that the broker refused and that are kept aside."
        ) {
            Double($0.outbox.quarantined)
        },
        single("outbox_commits_total", .counter, "Commits to the database.") {
            Double($0.outbox.commits)
        },
        single(
            "outbox_written_bytes_total", .counter, unit: "bytes",
            "Bytes handed to the file system by the database: flash wears out by them."
        ) { Double($0.outbox.bytesWritten) },
        single("outbox_disk_writable", .gauge, "0 while the database cannot be written.") {
            $0.outbox.isDiskWritable ? 1 : 0
        },
    ]

    static let http: [MetricFamily] = [
        single("http_requests_total", .counter, "HTTP requests that were answered.") {
            Double($0.http.answered)
        },
        MetricFamily(
            "http_refused_requests_total", .counter, labels: ["cause"],
            "HTTP requests that were refused."
        ) { snapshot, writer in
            for refusal in HTTPAccess.Refusal.allCases {
                writer.sample(snapshot.http.refused(refusal), ("cause", refusal.name))
            }
        },
        single("http_connections", .gauge, "HTTP connections that are open.") {
            Double($0.http.connections)
        },
        single("http_event_streams", .gauge, "Of these, readers of server-sent events.") {
            Double($0.http.streams)
        },
    ]

    static let process: [MetricFamily] = [
        MetricFamily(
            process: "cpu_seconds_total", .counter, unit: "seconds",
            "Processor time of user and system."
        ) { $1.sample($0.process.processorSeconds) },
        MetricFamily(process: "resident_memory_bytes", .gauge, unit: "bytes", "Resident memory.") {
            $1.sample($0.process.residentBytes)
        },
        MetricFamily(process: "virtual_memory_bytes", .gauge, unit: "bytes", "Virtual memory.") {
            $1.sample($0.process.virtualBytes)
        },
        MetricFamily(process: "open_fds", .gauge, "Open descriptors.") {
            $1.sample($0.process.openDescriptors)
        },
        MetricFamily(process: "max_fds", .gauge, "How many descriptors may be open.") {
            $1.sample($0.process.maximumDescriptors)
        },
        MetricFamily(process: "threads", .gauge, "Threads.") { $1.sample($0.process.threads) },
        MetricFamily(
            process: "start_time_seconds", .gauge, unit: "seconds",
            "When the agent started, in seconds since 1970."
        ) { $1.sample(Double($0.status.startedAtNanoseconds) / 1e9) },
    ]
}
