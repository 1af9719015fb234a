internal import CLinuxShims
internal import Glibc
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

    private let cancelDescriptor: Int32?
    private let reportStepBytes: UInt64
    private let report: (@Sendable (_ present: UInt64, _ transferred: UInt64) -> Void)?
    private let reported = Atomic<UInt64>(0)

    package init(limits: Limits = Limits()) {
        self.limits = limits
        cancelDescriptor = nil
        reportStepBytes = .max
        report = nil
    }

    /// - Parameters:
    ///   - cancelDescriptor: a pipe whose end stops the call.
    ///   - report: called on the working thread after so many more bytes.
    init(
        limits: Limits, cancelDescriptor: Int32, reportStepBytes: UInt64,
        report: @escaping @Sendable (_ present: UInt64, _ transferred: UInt64) -> Void
    ) {
        self.limits = limits
        self.cancelDescriptor = cancelDescriptor
        self.reportStepBytes = reportStepBytes
        self.report = report
    }

    /// Makes the call end soon with `.cancelled`.
    package func cancel() { cancelled.store(true, ordering: .relaxed) }

    package var isCancelled: Bool {
        if cancelled.load(ordering: .relaxed) { return true }
        guard let cancelDescriptor else { return false }
        var descriptor = pollfd(fd: cancelDescriptor, events: 0, revents: 0)
        return unsafe els_poll(&descriptor, 1, 0) > 0
    }

    /// The bytes of the model that are there, those of earlier attempts included.
    package var presentBytes: UInt64 { present.load(ordering: .relaxed) }

    /// The bytes that came in this call.
    package var transferredBytes: UInt64 { transferred.load(ordering: .relaxed) }

    // Relaxed everywhere: counts and a flag that publish nothing else.
    func notePresent(_ bytes: UInt64) { present.wrappingAdd(bytes, ordering: .relaxed) }

    func noteTransferred(_ bytes: UInt64) {
        present.wrappingAdd(bytes, ordering: .relaxed)
        let total = transferred.wrappingAdd(bytes, ordering: .relaxed).newValue
        guard let report else { return }
        if total &- reported.load(ordering: .relaxed) >= reportStepBytes {
            reported.store(total, ordering: .relaxed)
            report(presentBytes, total)
        }
    }

    func setProgress(present: UInt64, transferred: UInt64) {
        self.present.store(present, ordering: .relaxed)
        self.transferred.store(transferred, ordering: .relaxed)
    }

    func checkCancelled() throws(RegistryError) {
        guard !isCancelled else { throw RegistryError(.cancelled, "the download was stopped") }
    }
}
