internal import Glibc

/// What the process takes of the box, as the kernel says.
package struct ProcessUsage: Sendable {
    package var processorSeconds = 0.0
    package var residentBytes = 0
    package var virtualBytes = 0
    package var openDescriptors = 0
    package var maximumDescriptors = 0
    package var threads = 0

    package init() {}

    /// Asks the kernel. A handful of system calls; what it does not tell stays 0.
    package static func now() -> ProcessUsage {
        var usage = ProcessUsage()
        var times = rusage()
        if unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &times) == 0 {
            usage.processorSeconds =
                Double(times.ru_utime.tv_sec + times.ru_stime.tv_sec)
                + Double(times.ru_utime.tv_usec + times.ru_stime.tv_usec) / 1e6
        }
        let pages = text("/proc/self/statm").split(separator: " ").compactMap { Int($0) }
        let pageBytes = max(1, Int(sysconf(Int32(_SC_PAGESIZE))))
        if pages.count > 1 {
            usage.virtualBytes = pages[0].multipliedReportingOverflow(by: pageBytes).partialValue
            usage.residentBytes = pages[1].multipliedReportingOverflow(by: pageBytes).partialValue
        }
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            usage.maximumDescriptors = Int(clamping: limit.rlim_cur)
        }
        usage.openDescriptors = entries("/proc/self/fd")
        usage.threads = entries("/proc/self/task")
        return usage
    }

    private static func text(_ path: String) -> String {
        let bytes = try? ConfigurationFiles.read(path, maximumBytes: 4096).bytes
        return String(decoding: bytes ?? [], as: UTF8.self)
    }

    private static func entries(_ path: String) -> Int {
        (try? ConfigurationFiles.entries(of: path))??.count ?? 0
    }
}
