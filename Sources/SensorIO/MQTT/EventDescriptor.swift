internal import CLinuxShims
internal import Glibc

/// An eventfd: lets one thread end another's poll.
///
/// - Thread: ``signal()`` may be called from any thread, ``drain()`` by the one that polls.
package final class EventDescriptor: Sendable {
    /// The descriptor to poll for reading; owned by this object.
    package let fileDescriptor: Int32

    /// Opens the descriptor, non-blocking and closed on exec.
    ///
    /// - Throws: ``MQTTError/system(operation:errorNumber:)`` when the process has no descriptor left.
    package init() throws(MQTTError) {
        fileDescriptor = els_eventfd()
        if fileDescriptor < 0 {
            throw .system(operation: "eventfd", errorNumber: errno)
        }
    }

    deinit {
        if fileDescriptor >= 0 { close(fileDescriptor) }
    }

    /// Makes the descriptor readable. Never blocks: a counter that is full is readable already.
    package func signal() {
        var one: UInt64 = 1
        // Proof: writes the 8 bytes of a live local variable.
        _ = unsafe write(fileDescriptor, &one, 8)
    }

    /// Makes the descriptor unreadable again. Returns whether it had been signalled.
    @discardableResult
    package func drain() -> Bool {
        var count: UInt64 = 0
        // Proof: reads at most the 8 bytes of a live local variable.
        return unsafe read(fileDescriptor, &count, 8) == 8
    }
}
