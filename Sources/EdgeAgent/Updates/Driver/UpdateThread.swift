internal import CLinuxShims
internal import Glibc
internal import SensorIO
internal import Synchronization

/// The thread named `updates`: all pipelines' updaters, and the commands.
///
/// - Thread: one at a time, of the control plane.
// The pointer is a retained reference that nobody else has: given to the thread by `start`, or released in deinit.
@safe
struct UpdateThread: ~Copyable {
    /// What the thread works on; its own once it runs.
    final class Work {
        let updaters: [Updater]
        let lock: UpdateLock
        let socket: UpdateSocket
        /// Commands over MQTT; nil unless the configuration wants them.
        let commands: UpdateCommands?
        let signal: UpdateSignal
        let onChange: (String, ModelVersion) -> Void
        let onEnd: () -> Void
        private var deciders: [ModelVersion?]

        init(
            updaters: [Updater], lock: consuming UpdateLock, socket: consuming UpdateSocket,
            commands: UpdateCommands?, signal: UpdateSignal,
            onChange: @escaping (String, ModelVersion) -> Void,
            onEnd: @escaping () -> Void
        ) {
            self.updaters = updaters
            self.lock = lock
            self.socket = socket
            self.commands = commands
            self.signal = signal
            self.onChange = onChange
            self.onEnd = onEnd
            deciders = updaters.map(\.decidingVersion)
        }

        func run() {
            var poll = PollSet(capacity: 4)
            let updaters = updaters
            commands?.start { request, actor in request.obey(updaters, by: actor) }
            while !signal.isStopRequested {
                poll.removeAll()
                let wake = poll.add(signal.event.fileDescriptor, .readable)
                let control = poll.add(socket.descriptor, .readable)
                commands?.appendPollDescriptors(to: &poll)
                poll.wait(
                    deadlineNanoseconds: min(
                        MonotonicClock.nanoseconds &+ 250_000_000,
                        commands?.nextDeadlineNanoseconds ?? .max))
                if !poll.readiness(at: wake).isEmpty { signal.event.drain() }
                if !poll.readiness(at: control).isEmpty {
                    socket.serve { request, actor in request.obey(updaters, by: actor) }
                }
                commands?.service(poll)
                for (index, updater) in updaters.enumerated() {
                    updater.step()
                    let version = updater.decidingVersion
                    guard version != deciders[index], let version else { continue }
                    deciders[index] = version
                    onChange(updater.settings.pipeline, version)
                }
            }
            commands?.stop()
            for updater in updaters { updater.stop() }
            onEnd()
        }
    }

    let signal: UpdateSignal
    private var work: UnsafeMutableRawPointer?
    private var thread: pthread_t?

    init(_ work: sending Work) {
        signal = work.signal
        unsafe self.work = Unmanaged.passRetained(work).toOpaque()
    }

    deinit {
        if let work = unsafe work { unsafe Unmanaged<Work>.fromOpaque(work).release() }
    }

    /// - Returns: an errno value when no thread can be had, else 0.
    mutating func start() -> Int32 {
        var handle = pthread_t()
        let code = unsafe pthread_create(&handle, nil, runUpdates, work)
        guard code == 0 else { return code }
        unsafe work = nil
        thread = handle
        return 0
    }

    /// Ends the thread and waits for it. Blocks until the step that runs is done: a second or so.
    mutating func stop() {
        guard let thread else { return }
        signal.requestStop()
        pthread_join(thread, nil)
        self.thread = nil
    }
}

/// Wakes the thread, or ends it. - Thread: any.
final class UpdateSignal: Sendable {
    let event: EventDescriptor
    private let stop = Atomic<Bool>(false)

    init() throws(MQTTError) { event = try EventDescriptor() }

    var isStopRequested: Bool { stop.load(ordering: .acquiring) }

    func requestStop() {
        stop.store(true, ordering: .releasing)
        event.signal()
    }
}

/// A thread for one job that blocks: a registry's call.
enum JobThread {
    private final class Job {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs a job on a thread of its own; on this one if there is none to be had.
    static func spawn(_ body: @escaping @Sendable () -> Void) {
        // Balanced by the thread's function, or below when there is no thread.
        let argument = unsafe Unmanaged.passRetained(Job(body)).toOpaque()
        var handle = pthread_t()
        let code = unsafe pthread_create(
            &handle, nil,
            { argument in
                unsafe els_set_thread_name("update-job")
                if let argument = unsafe argument {
                    unsafe Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().body()
                }
                return nil
            }, argument)
        guard code == 0 else {
            unsafe Unmanaged<Job>.fromOpaque(argument).release()
            return body()
        }
        pthread_detach(handle)
    }
}

private func runUpdates(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    unsafe els_set_thread_name("updates")
    if let argument = unsafe argument {
        // Balances the retain of init; only this thread has the pointer.
        unsafe Unmanaged<UpdateThread.Work>.fromOpaque(argument).takeRetainedValue().run()
    }
    return nil
}
