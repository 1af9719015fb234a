internal import Synchronization

/// Bounds, progress and the way to stop one call of a registry.
///
/// - Thread: any.
package final class DownloadControl: Sendable {
    /// What one model may take.
    package struct Limits: Sendable, Equatable {
        /// All files together.
        package var maximumBytes: UInt64
        package var maximumFiles: Int
        /// How much of the file system is left free.
        package var reservedBytes: UInt64
        /// nil: as fast as it comes.
        package var bytesPerSecond: UInt64?

        package init(
            maximumBytes: UInt64 = 512 << 20, maximumFiles: Int = 64,
            reservedBytes: UInt64 = 64 << 20, bytesPerSecond: UInt64? = nil
        ) {
            self.maximumBytes = maximumBytes
            self.maximumFiles = maximumFiles
            self.reservedBytes = reservedBytes
            self.bytesPerSecond = bytesPerSecond
        }
    }

    package let limits: Limits
    private let cancelled = Atomic<Bool>(false)
    private let present = Atomic<UInt64>(0)
    private let transferred = Atomic<UInt64>(0)

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Makes the call end soon with `.cancelled`.
    package func cancel() { cancelled.store(true, ordering: .relaxed) }

    package var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    /// The bytes of the model that are there, those of earlier attempts included.
    package var presentBytes: UInt64 { present.load(ordering: .relaxed) }

    /// The bytes that came in this call.
    package var transferredBytes: UInt64 { transferred.load(ordering: .relaxed) }

    // Relaxed everywhere: counts and a flag that publish nothing else.
    func notePresent(_ bytes: UInt64) { present.wrappingAdd(bytes, ordering: .relaxed) }

    func noteTransferred(_ bytes: UInt64) {
        present.wrappingAdd(bytes, ordering: .relaxed)
        transferred.wrappingAdd(bytes, ordering: .relaxed)
    }

    func setProgress(present: UInt64, transferred: UInt64) {
        self.present.store(present, ordering: .relaxed)
        self.transferred.store(transferred, ordering: .relaxed)
    }

    func checkCancelled() throws(RegistryError) {
        guard !isCancelled else { throw RegistryError(.cancelled, "the download was stopped") }
    }
}
