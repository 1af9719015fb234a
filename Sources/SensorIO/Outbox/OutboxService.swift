internal import Synchronization

/// The outbox as a running thing: one thread named `outbox` that owns the database and the session to the
/// uplink.
///
/// Order of use: make it (this opens the database and settles the boot number), make the lanes,
/// ``start()``, ``stop(deadlineNanoseconds:)``.
package final class OutboxService: Sendable {
    /// The number of this start; a part of every record's identifier.
    package let boot: OutboxBoot
    private let sequencer = OutboxSequencer()
    private let doorbell: OutboxDoorbell

    /// Opens the database, salvaging it if it must, and settles the boot number.
    ///
    /// A disk that cannot be written is no error: the outbox then works in memory and says so.
    ///
    /// - Parameters:
    ///   - uplink: where records go; its will is what the broker publishes when the agent vanishes.
    ///   - birth: published, retained, first thing after each connect.
    ///   - offline: published, retained, last thing before an orderly end.
    ///   - onEvent: called on the outbox's thread (and on the caller's during init); must not block.
    package init(
        configuration: OutboxConfiguration, uplink: MQTTEndpoint, birth: OutboxStatusMessage?,
        offline: OutboxStatusMessage?, onEvent: @escaping @Sendable (OutboxEvent) -> Void
    ) throws(OutboxError) {
        do throws(MQTTError) {
            doorbell = try OutboxDoorbell()
        } catch {
            throw .uplink(error)
        }
        boot = OutboxBoot(number: 1, isPersisted: false)
    }

    /// Makes a lane for one producer; before or after ``start()``.
    ///
    /// - Parameter capacityBytes: of its ring; a record may take a quarter of it.
    package func makeLane(name: String, capacityBytes: Int = 1 << 20) throws(OutboxError)
        -> OutboxLane
    {
        do throws(MQTTError) {
            return try OutboxLane(
                name: name, capacityBytes: capacityBytes, sequencer: sequencer, doorbell: doorbell,
                startsOpen: false)
        } catch {
            throw .uplink(error)
        }
    }

    /// Starts the thread. Does not wait for the uplink.
    package func start() throws(OutboxError) {}

    /// Replaces the birth message, and publishes the new one if the uplink is connected.
    package func setBirth(_ birth: OutboxStatusMessage) {}

    /// Ends the outbox: takes what is in the lanes, waits for PUBACKs until the deadline, commits the rest,
    /// publishes the offline status, disconnects in order (so the will stays unsent), joins the thread.
    ///
    /// Blocks. Producers must have stopped.
    ///
    /// - Parameter deadlineNanoseconds: a time of ``MonotonicClock``.
    @discardableResult
    package func stop(deadlineNanoseconds: UInt64) -> OutboxStopReport { OutboxStopReport() }

    /// Where the outbox stands; at most a second old while it idles. - Thread: any.
    package var metrics: OutboxMetrics { OutboxMetrics() }
}
