internal import CLinuxShims
internal import Glibc
internal import Synchronization

/// A named thread that runs one body and is waited for.
///
/// - Thread: any.
package final class JoinedThread: Sendable {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void

        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    private let handle: Mutex<pthread_t?>

    /// Starts it.
    ///
    /// - Parameter name: at most 15 bytes.
    /// - Throws: `.thread` when none can be had.
    package init(name: String, _ run: @escaping @Sendable () -> Void) throws(AgentError) {
        var handle = pthread_t()
        // Balanced by the thread's function, or below when there is no thread.
        let argument = unsafe Unmanaged.passRetained(Body(name, run)).toOpaque()
        let code = unsafe pthread_create(
            &handle, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                unsafe els_set_thread_name(body.name)
                body.run()
                return nil
            }, argument)
        guard code == 0 else {
            unsafe Unmanaged<Body>.fromOpaque(argument).release()
            throw .thread(name: name, errorNumber: code)
        }
        self.handle = Mutex(handle)
    }

    /// Waits for its end, which the caller has asked for. Blocks; once.
    package func join() {
        let handle = handle.withLock { handle in
            defer { handle = nil }
            return handle
        }
        if let handle { pthread_join(handle, nil) }
    }
}
