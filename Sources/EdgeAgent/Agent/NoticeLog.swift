package import Logging
package import SensorIO

/// Turns what the threads have to say into lines of the log.
package struct NoticeLog: Sendable {
    private let logger: Logger

    package init(logger: Logger) { self.logger = logger }

    package func write(_ notice: PipelineNotice, pipeline: String) {
        var logger = logger
        logger[metadataKey: "pipeline"] = "\(pipeline)"
        switch notice {
        case .sensors(let state): write(state, of: "sensors", logger)
        case .alerts(let state): write(state, of: "alerts", logger)
        case .subscription(let event): write(event, logger)
        case .rejected(let cause, let topic, let count, let suppressed):
            logger.warning(
                "messages cannot be used: \(cause.name)",
                metadata: [
                    "topic": "\(topic)", "count": "\(count)", "notShown": "\(suppressed)",
                ])
        case .alarm(let transition, let asset, let severity, let score):
            logger.notice(
                "alarm \(transition.name)",
                metadata: [
                    "asset": "\(asset)", "severity": "\(severity.name)", "score": "\(score)",
                ])
        case .agentAlert(let label, let transition, let value, let limit):
            logger.warning(
                "\(label.name) \(transition.name)",
                metadata: ["value": "\(value)", "limit": "\(limit)"])
        case .undeliverable(let asset, let reason):
            logger.error("an event was not sent: \(reason)", metadata: ["asset": "\(asset)"])
        case .outboxBehind(let isBehind):
            if isBehind {
                logger.warning(
                    "the outbox is behind: no readings are taken until it has room")
            } else {
                logger.notice("the outbox has room again: readings are taken")
            }
        case .windowsNotSaved(let reason):
            logger.error("windows could not be saved: after the restart they begin anew: \(reason)")
        case .scheduling(let operation, let number):
            logger.error(
                "the thread's scheduling could not be set: see systemd/real-time.conf.example",
                metadata: ["operation": "\(operation)", "errno": "\(number)"])
        }
    }

    /// Says that a box was full for a moment.
    func writeNotShown(_ count: UInt64, of source: String) {
        logger.warning(
            "more happened than is shown here",
            metadata: ["of": "\(source)", "notShown": "\(count)"])
    }

    package func write(_ event: OutboxEvent) {
        switch event {
        case .dropped(let recordClass, let cause, let count):
            logger.error(
                "records were given up: \(cause.name)",
                metadata: ["class": "\(recordClass)", "count": "\(count)"])
        case .quarantined(let topic, let sequence, let boot, let reason, let count):
            logger.error(
                "the broker refuses records, which are put aside: see 'edge-agent outbox quarantine'",
                metadata: [
                    "topic": "\(topic)", "record": "\(boot)/\(sequence)",
                    "reason": "\(MQTTReasonCode(rawValue: reason))",
                    "count": "\(count)",
                ])
        case .diskFailed(let error):
            logger.error("the outbox cannot be written, records are kept in memory: \(error)")
        case .backlogUnreadable(let count):
            logger.error(
                "records that wait on the disk cannot be read: newer ones are sent before them",
                metadata: ["records": "\(count)"])
        case .diskRecovered:
            logger.notice("the outbox can be written again")
        case .salvaged(let path, let records, let quarantined, let reason):
            logger.error(
                "the outbox was damaged: \(reason)",
                metadata: [
                    "records": "\(records)", "quarantined": "\(quarantined)",
                    "movedTo": "\(path)",
                ])
        case .writeBudget(let isExceeded, let bytes, let budget):
            let metadata: Logger.Metadata = ["bytes": "\(bytes)", "budget": "\(budget)"]
            if isExceeded {
                logger.warning(
                    "the outbox has written more to the disk today than outbox.writeBudget: flash wears out",
                    metadata: metadata)
            } else {
                logger.notice(
                    "the outbox has kept to outbox.writeBudget for a day", metadata: metadata)
            }
        case .keptDamaged(let count):
            logger.error(
                "saved alarms were damaged on the disk and are forgotten",
                metadata: ["alarms": "\(count)"])
        case .bootNumberIsRandom(let error):
            logger.error("the number of this start could not be stored, it is random: \(error)")
        case .uplinkChanged(let isConnected, let error):
            if isConnected {
                logger.notice("uplink connected")
            } else {
                logger.warning(
                    "uplink lost, records are kept: \(error.map { "\($0)" } ?? "closed")")
            }
        }
    }

    func write(_ state: MQTTSessionState, of session: String, _ logger: Logger) {
        switch state {
        case .idle, .connecting, .stopped: logger.debug("\(session) session: \(state)")
        case .connected(let sessionPresent):
            logger.notice(
                "\(session) session connected",
                metadata: ["brokerKeptSession": "\(sessionPresent)"])
        case .disconnected(let error, let retry):
            logger.warning(
                "\(session) session lost: \(error)",
                metadata: ["retryInSeconds": "\(Double(retry / 10_000_000) / 100)"])
        }
    }

    func write(_ event: MQTTSubscriptionEvent, _ logger: Logger) {
        switch event {
        case .granted(let subscription, let quality):
            if quality.rawValue < subscription.qualityOfService.rawValue {
                logger.warning(
                    "the broker grants a lower QoS: messages may be lost",
                    metadata: ["filter": "\(subscription.filter)", "qos": "\(quality.rawValue)"])
            } else {
                logger.info("subscribed", metadata: ["filter": "\(subscription.filter)"])
            }
        case .refused(let subscription, let error, let retry):
            logger.error(
                "subscription refused: \(error)",
                metadata: [
                    "filter": "\(subscription.filter)",
                    "retryInSeconds": "\(Double(retry / 10_000_000) / 100)",
                ])
        }
    }
}
