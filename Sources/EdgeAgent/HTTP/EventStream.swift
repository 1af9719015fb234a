package import SensorIO
internal import Synchronization

/// One reader of server-sent events, and what it has not been sent yet.
///
/// - Thread: any puts; the thread `http` takes.
package final class EventStream: Sendable {
    /// Who is further behind is cut off: its page connects again and starts with what is then.
    package static let capacityBytes = 64 << 10

    private struct State {
        var bytes: [UInt8] = []
        var isOpen = true
    }

    private let state = Mutex(State())
    private let wake: EventDescriptor

    package init(wake: EventDescriptor) { self.wake = wake }

    /// False once the reader is gone, or was too slow: nothing more will reach it.
    package var isOpen: Bool { state.withLock { $0.isOpen } }

    /// Adds the bytes of whole events, each `data: …` with an empty line behind it.
    ///
    /// - Returns: false when the stream is closed: let go of it.
    @discardableResult
    package func put(_ bytes: [UInt8]) -> Bool {
        let isOpen = state.withLock { state in
            guard state.isOpen else { return false }
            guard state.bytes.count + bytes.count <= Self.capacityBytes else {
                state.isOpen = false
                return false
            }
            state.bytes += bytes
            return true
        }
        wake.signal()
        return isOpen
    }

    /// Ends the stream after what was put.
    package func close() {
        state.withLock { $0.isOpen = false }
        wake.signal()
    }

    /// Whether a reader that waits has something to do.
    var hasNews: Bool { state.withLock { !$0.bytes.isEmpty || !$0.isOpen } }

    /// Moves bytes out.
    ///
    /// - Returns: how many; 0: none yet; nil: the stream has ended.
    func take(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        state.withLock { state in
            guard !state.bytes.isEmpty else { return state.isOpen ? 0 : nil }
            let count = min(buffer.count, state.bytes.count)
            unsafe buffer.copyBytes(from: state.bytes[..<count])
            state.bytes.removeFirst(count)
            return count
        }
    }
}
