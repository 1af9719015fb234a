internal import CLinuxShims
internal import Glibc
internal import Logging
internal import SensorIO
internal import Synchronization

/// The thread that saves the pipelines' windows now and then.
///
/// A file is written only if something has changed, and not so often that a day's files exceed
/// `maximumBytesPerDay`: large windows are saved less often.
///
/// - Thread: `start` and `stop` by one at a time of the control plane.
final class StateSaver: Sendable {
    /// What all pipelines' files together may write in a day: a card of 16 GB that bears 3 000 writes lives for
    /// centuries on it.
    static let maximumBytesPerDay = 256 << 20
    /// How long a pipeline's thread may take for a buffer; it turns at least once a second.
    private static let patienceNanoseconds: UInt64 = 5_000_000_000
    private static let dayNanoseconds = 86_400.0 * 1e9

    let filled: EventDescriptor
    private let intervalNanoseconds: UInt64
    private let logger: Logger
    private let shouldStop = Atomic<Bool>(false)
    private let thread = Mutex<pthread_t?>(nil)

    /// - Parameter interval: zero: windows are saved at the end only.
    init(interval: Duration, logger: Logger) throws(AgentError) {
        intervalNanoseconds = UInt64(clamping: interval.wholeNanoseconds)
        self.logger = logger
        do throws(MQTTError) {
            filled = try EventDescriptor()
        } catch {
            throw .thread(name: "state", errorNumber: EMFILE)
        }
    }

    /// Starts the thread, unless windows are saved at the end only.
    func start(_ pipelines: [PipelineState]) {
        guard intervalNanoseconds > 0 else { return }
        var handle = pthread_t()
        let work = unsafe Unmanaged.passRetained(Work(saver: self, pipelines: pipelines)).toOpaque()
        guard unsafe pthread_create(&handle, nil, runSaver, work) == 0 else {
            unsafe Unmanaged<Work>.fromOpaque(work).release()
            logger.error("no thread to save windows: they are saved at the end only")
            return
        }
        thread.withLock { $0 = handle }
    }

    /// Ends the thread; one file that is being written to the disk is waited for.
    func stop() {
        shouldStop.store(true, ordering: .relaxed)
        filled.signal()
        let handle = thread.withLock { handle in
            defer { handle = nil }
            return handle
        }
        if let handle { pthread_join(handle, nil) }
    }

    // MARK: - Its own thread

    final class Work {
        let saver: StateSaver
        let pipelines: [PipelineState]

        init(saver: StateSaver, pipelines: [PipelineState]) {
            self.saver = saver
            self.pipelines = pipelines
        }
    }

    private struct Turn {
        var dueAt: UInt64
        var samples: UInt64 = 0
        var hasFailed = false
    }

    fileprivate func run(_ pipelines: [PipelineState]) {
        unsafe els_set_thread_name("state")
        let start = MonotonicClock.nanoseconds &+ intervalNanoseconds
        var turns = pipelines.map { _ in Turn(dueAt: start) }
        while !shouldStop.load(ordering: .relaxed), let next = turns.map(\.dueAt).min() {
            wait(until: next)
            for index in pipelines.indices where turns[index].dueAt <= MonotonicClock.nanoseconds {
                guard !shouldStop.load(ordering: .relaxed) else { return }
                save(pipelines[index], &turns[index], sharedBy: pipelines.count)
            }
        }
    }

    private func save(_ pipeline: PipelineState, _ turn: inout Turn, sharedBy count: Int) {
        turn.dueAt = MonotonicClock.nanoseconds &+ intervalNanoseconds
        let samples = pipeline.samples
        guard samples != turn.samples || pipeline.hasAlarms else { return }
        do throws(StateFileError) {
            let deadline = MonotonicClock.nanoseconds &+ Self.patienceNanoseconds
            let bytes = try pipeline.save {
                wait(until: deadline)
                return MonotonicClock.nanoseconds < deadline
                    && !shouldStop.load(ordering: .relaxed)
            }
            turn.samples = samples
            let share = Double(bytes) * Double(count) / Double(Self.maximumBytesPerDay)
            turn.dueAt = max(
                turn.dueAt, MonotonicClock.nanoseconds &+ UInt64(share * Self.dayNanoseconds))
            if turn.hasFailed {
                logger.notice("windows are saved again", metadata: ["file": "\(pipeline.path)"])
            }
            turn.hasFailed = false
        } catch {
            guard !shouldStop.load(ordering: .relaxed), !turn.hasFailed else { return }
            turn.hasFailed = true
            logger.error(
                "windows cannot be saved: after a restart they begin anew: \(error)",
                metadata: ["file": "\(pipeline.path)"])
        }
    }

    private func wait(until deadline: UInt64) {
        var poll = PollSet(capacity: 1)
        poll.add(filled.fileDescriptor, .readable)
        poll.wait(deadlineNanoseconds: deadline)
        filled.drain()
    }
}

private func runSaver(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument = unsafe argument {
        // Balances the retain of `start`; only this thread has the pointer.
        let work = unsafe Unmanaged<StateSaver.Work>.fromOpaque(argument).takeRetainedValue()
        work.saver.run(work.pipelines)
    }
    return nil
}
