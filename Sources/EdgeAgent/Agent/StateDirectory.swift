internal import Glibc

/// The directory that holds what survives a restart.
enum StateDirectory {
    /// Makes it, and the ones above it, where they are missing.
    static func make(_ path: String) throws(AgentError) {
        var partial = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            partial +=
                partial.isEmpty && part.isEmpty
                ? "/" : (partial.hasSuffix("/") || partial.isEmpty ? "" : "/") + part
            if partial == "/" { continue }
            if unsafe mkdir(partial, 0o750) != 0, errno != EEXIST {
                throw .stateDirectory(path: path, errorNumber: errno)
            }
        }
    }
}
