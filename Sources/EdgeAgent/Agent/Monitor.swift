internal import CLinuxShims
internal import Logging
internal import SensorIO
internal import ServiceLifecycle

/// Looks at the threads a few times a second: logs what they say, tells systemd how they are.
struct Monitor: Service {
    private static let interval = Duration.milliseconds(200)

    /// nil: there is no HTTP.
    let page: StatusPage?
    let hosts: [PipelineHost]
    let outbox: OutboxService
    /// What the outbox has to say.
    let events: NoticeBox<OutboxEvent>
    /// For what is said about the agent itself.
    let lane: OutboxLane
    let plan: AgentPlan
    let wallClock: WallClock
    let log: NoticeLog
    /// Where the log ends up, to say what was left out of it.
    let handler: StderrLogHandler
    let notifier: SystemdNotifier
    let logger: Logger
    let locksMemory: Bool
    /// Is told that the threads turn, and which alarms are raised.
    let view: AgentView

    func run() async throws {
        var isReady = false
        var ticks = 0
        var lastWatchdog: UInt64 = 0
        var reporter = OutboxReporter(
            box: events, log: log, lane: lane, wallClock: wallClock, agent: plan.agent,
            boot: outbox.boot.number, alertTopic: plan.agentAlertTopic,
            stateTopic: plan.outboxStateTopic)
        reporter.clearEarlier(
            outbox.kept.filter { $0.scope == lane.name },
            followsOrderlyEnd: outbox.followsOrderlyEnd, isDiskUsable: outbox.boot.isPersisted)
        var dropped = hosts.map { _ in UInt64(0) }
        await withGracefulShutdownHandler {
            while !Task.isCancelled, !Task.isShuttingDownGracefully {
                writeNotices(&dropped)
                reporter.report(now: MonotonicClock.nanoseconds)
                handler.writeSummaries()
                if ticks % 5 == 0 {
                    wallClock.refresh()
                    page?.tick(nowNanoseconds: MonotonicClock.nanoseconds)
                }
                ticks += 1
                if !isReady {
                    isReady = announceReadiness(ticks)
                    // Locked memory stays as it is.
                    if isReady, !locksMemory { els_release_startup_pages() }
                }
                view.look(now: MonotonicClock.nanoseconds)
                feedWatchdog(&lastWatchdog)
                do {
                    try await Task.sleep(for: Self.interval)
                } catch {
                    break
                }
            }
            // The pipelines have ended before: this is all that they had to say.
            writeNotices(&dropped)
            reporter.report(now: MonotonicClock.nanoseconds)
        } onGracefulShutdown: {
        }
    }

    private func writeNotices(_ dropped: inout [UInt64]) {
        for (index, host) in hosts.enumerated() {
            let taken = host.notices.take()
            for notice in taken.notices {
                log.write(notice, pipeline: host.name)
                note(notice, pipeline: host.name)
                page?.note(notice, pipeline: host.name)
            }
            if taken.dropped > dropped[index] {
                log.writeNotShown(taken.dropped - dropped[index], of: host.name)
                dropped[index] = taken.dropped
            }
        }
    }

    private func note(_ notice: PipelineNotice, pipeline: String) {
        guard case .alarm(let transition, let asset, let severity, let score) = notice else {
            return
        }
        view.alarms.note(
            transition,
            AlarmBoard.Alarm(
                pipeline: pipeline, asset: asset, severity: severity, score: score,
                sinceNanoseconds: WallClock.nanoseconds))
    }

    /// Ready means: every model is loaded, every subscription granted, and live alerts have their way.
    private func announceReadiness(_ ticks: Int) -> Bool {
        let waiting = hosts.filter { !$0.isReady }
        guard waiting.isEmpty else {
            if ticks % 25 == 0 {
                // The broker may come later than the box: keep systemd from giving up.
                notifier.send(
                    .extendTimeout(microseconds: 30_000_000),
                    .status(
                        "waiting for the broker: \(waiting.map(\.name).joined(separator: ", "))"))
            }
            return false
        }
        let names = hosts.map { "\($0.name) (\($0.status.bundle) \($0.status.version))" }
        notifier.send(.ready, .status("running \(names.joined(separator: ", "))"))
        logger.notice("ready", metadata: ["pipelines": "\(names.joined(separator: ", "))"])
        return true
    }

    /// The watchdog is fed by the hot threads' progress: one that hangs lets it fire.
    private func feedWatchdog(_ last: inout UInt64) {
        guard let interval = notifier.watchdogIntervalNanoseconds else { return }
        let now = MonotonicClock.nanoseconds
        guard now &- last >= min(interval, 2_000_000_000), view.liveness.allProgressed(since: last)
        else { return }
        last = now
        notifier.send(.watchdog)
    }
}
