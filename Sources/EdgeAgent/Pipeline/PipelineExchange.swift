internal import Synchronization

/// The place where a pipeline's thread finds what the control plane has prepared, at the border between two turns.
///
/// - Thread: `deliver` and `collect` one of the control plane's; `take` and `giveBack` the pipeline's.
// Each address is that of a retained object that nobody else has, or 0: retained by who stores it, taken over
// by who exchanges it for 0. Acquire and release carry its content from one thread to the other.
@safe
package final class PipelineExchange<Parcel: AnyObject>: Sendable {
    private let toPipeline = Atomic<UInt>(0)
    private let fromPipeline = Atomic<UInt>(0)
    private let isUnderway = Atomic<Bool>(false)

    package init() {}

    deinit {
        _ = Self.owned(toPipeline.exchange(0, ordering: .acquiring))
        _ = Self.owned(fromPipeline.exchange(0, ordering: .acquiring))
    }

    /// Offers a parcel; wake the pipeline afterwards. Until it came back, the caller reads of it only what any thread may.
    ///
    /// - Returns: false, and nothing is taken, while the one before has not been collected.
    package func deliver(_ parcel: Parcel) -> Bool {
        guard !isUnderway.exchange(true, ordering: .acquiring) else { return false }
        toPipeline.store(Self.address(retaining: parcel), ordering: .releasing)
        return true
    }

    /// Takes what came back: to be freed here, or kept.
    package func collect() -> Parcel? {
        guard let back = Self.owned(fromPipeline.exchange(0, ordering: .acquiring)) else {
            return nil
        }
        isUnderway.store(false, ordering: .releasing)
        return back
    }

    /// - Thread: the pipeline's.
    package func take() -> Parcel? {
        // The usual turn costs a load.
        guard toPipeline.load(ordering: .relaxed) != 0 else { return nil }
        return Self.owned(toPipeline.exchange(0, ordering: .acquiring))
    }

    /// - Thread: the pipeline's.
    package func giveBack(_ parcel: Parcel) {
        fromPipeline.store(Self.address(retaining: parcel), ordering: .releasing)
    }

    private static func address(retaining parcel: Parcel) -> UInt {
        unsafe UInt(bitPattern: Unmanaged.passRetained(parcel).toOpaque())
    }

    private static func owned(_ address: UInt) -> Parcel? {
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: address) else { return nil }
        return unsafe Unmanaged<Parcel>.fromOpaque(pointer).takeRetainedValue()
    }
}
