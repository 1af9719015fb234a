internal import Glibc
package import SensorIO

/// A pipeline's own thread, started once and joined once.
///
/// - Thread: `start` and `stop` belong to the control plane.
package final class PipelineThread {
    private let control: PipelineControl
    private let lane: OutboxLane
    private var thread: pthread_t?

    package init(control: PipelineControl, lane: OutboxLane) {
        self.control = control
        self.lane = lane
    }

    /// Starts the thread; the pipeline is its own from then on.
    ///
    /// - Returns: an errno value when no thread can be had, else 0.
    package func start(_ pipeline: sending Pipeline) -> Int32 {
        precondition(thread == nil, "A pipeline runs on one thread.")
        var handle = pthread_t()
        // Balanced by the thread's function, or below when there is no thread.
        let argument = unsafe Unmanaged.passRetained(pipeline).toOpaque()
        let code = unsafe pthread_create(&handle, nil, runPipeline, argument)
        guard code == 0 else {
            unsafe Unmanaged<Pipeline>.fromOpaque(argument).release()
            return code
        }
        thread = handle
        return 0
    }

    /// Ends the pipeline in good order and waits for its thread. Blocks, for about a second at most.
    package func stop() {
        guard let thread else { return }
        control.requestStop()
        lane.wakeProducer()
        pthread_join(thread, nil)
        self.thread = nil
    }
}

private func runPipeline(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument = unsafe argument {
        // Balances the retain of `start`; only this thread has the pointer.
        unsafe Unmanaged<Pipeline>.fromOpaque(argument).takeRetainedValue().run()
    }
    return nil
}
