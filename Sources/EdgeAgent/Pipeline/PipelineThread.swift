internal import CLinuxShims
internal import Glibc
package import SensorIO

/// A pipeline's own thread, started once and joined once.
///
/// - Thread: one at a time, of the control plane.
// The pointer is a retained reference that nobody else has: given to the thread by `start`, or
// released in deinit when the thread was never started.
@safe
package struct PipelineThread: ~Copyable {
    private let control: PipelineControl
    private let lane: OutboxLane
    private var pipeline: UnsafeMutableRawPointer?
    private var thread: pthread_t?

    /// Takes the pipeline over; it is the thread's own once that is started.
    package init(_ pipeline: sending Pipeline, control: PipelineControl, lane: OutboxLane) {
        self.control = control
        self.lane = lane
        unsafe self.pipeline = Unmanaged.passRetained(pipeline).toOpaque()
    }

    deinit {
        if let pipeline = unsafe pipeline {
            unsafe Unmanaged<Pipeline>.fromOpaque(pipeline).release()
        }
    }

    /// Starts the thread.
    ///
    /// - Returns: an errno value when no thread can be had, else 0.
    package mutating func start() -> Int32 {
        precondition(thread == nil, "A pipeline runs on one thread.")
        var handle = pthread_t()
        let code = unsafe pthread_create(&handle, nil, runPipeline, pipeline)
        guard code == 0 else { return code }
        unsafe pipeline = nil
        thread = handle
        return 0
    }

    /// Asks the pipeline to end; `stop` waits for it.
    package func requestStop() {
        control.requestStop()
        lane.wakeProducer()
    }

    /// Ends the pipeline in good order and waits for its thread. Blocks, for a second or so at most.
    package mutating func stop() {
        guard let thread else { return }
        requestStop()
        pthread_join(thread, nil)
        self.thread = nil
    }
}

extension Pipeline {
    /// Gives the thread its name, and the processor and priority that are configured.
    func applyScheduling() {
        unsafe els_set_thread_name("pipe-\(settings.name)")
        if let processor = settings.scheduling.processor {
            let code = els_set_thread_affinity(Int32(clamping: processor))
            if code != 0 { notices.post(.scheduling(operation: "pin", errorNumber: code)) }
        }
        if let priority = settings.scheduling.fifoPriority {
            let code = els_set_thread_fifo(Int32(clamping: priority))
            if code != 0 { notices.post(.scheduling(operation: "fifo", errorNumber: code)) }
        }
    }
}

private func runPipeline(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument = unsafe argument {
        // Balances the retain of init; only this thread has the pointer.
        unsafe Unmanaged<Pipeline>.fromOpaque(argument).takeRetainedValue().run()
    }
    return nil
}
