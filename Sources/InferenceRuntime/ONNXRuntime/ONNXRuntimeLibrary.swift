internal import COnnxRuntime
internal import Glibc

/// ONNX Runtime's shared library, opened when a model needs it.
// The library's table and texts stay in the process for ever.
@safe struct ONNXRuntimeLibrary {
    /// What the dynamic loader is asked for first.
    private static let names = ["libonnxruntime.so.1", "libonnxruntime.so"]
    /// Where a distribution, a package or an unpacked release puts it. Debian's file has the minor
    /// version in its name, so the loader does not find it by the names above.
    private static let patterns = [
        "/usr/local/lib/libonnxruntime.so*", "/usr/lib/*-linux-gnu*/libonnxruntime.so*",
        "/usr/lib64/libonnxruntime.so*", "/usr/lib/libonnxruntime.so*",
        "/opt/onnxruntime*/lib/libonnxruntime.so*",
    ]

    let library: ox_library
    let version: String
    let path: String

    /// Opens the library at `path`, or looks for one.
    ///
    /// - Parameter need: what for, for the error.
    /// - Throws: `onnxRuntimeMissing`, `onnxRuntimeUnusable`.
    init(at path: String?, need: String) throws(ModelError) {
        var refusal: ModelError?
        for candidate in path.map({ [$0] }) ?? Self.names + Self.installed() {
            var library = unsafe ox_library()
            var message = ox_message()
            let result = unsafe ox_open(candidate, &library, &message)
            let reason: String
            switch result {
            case OX_OPENED:
                unsafe self.library = library
                version = unsafe String(cString: library.version)
                self.path = unsafe withUnsafePointer(to: &library.path) {
                    unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
                }
                return
            case OX_NOT_LOADED:
                if Self.names.contains(candidate) { continue }
                reason = message.string
            case OX_TOO_OLD:
                reason = "version \(message.string) is too old, \(OX_OLDEST_VERSION) is needed"
            default: reason = "it is not ONNX Runtime: it has no function OrtGetApiBase"
            }
            refusal =
                refusal ?? .onnxRuntimeUnusable(path: candidate, reason: reason, need: need)
        }
        throw refusal ?? .onnxRuntimeMissing(places: Self.names + Self.patterns, need: need)
    }

    /// The files that are there, newest version first.
    private static func installed() -> [String] {
        var found: [String] = []
        for pattern in patterns {
            var matches = unsafe glob_t()
            defer { unsafe globfree(&matches) }
            guard unsafe glob(pattern, 0, nil, &matches) == 0 else { continue }
            // gl_pathv has gl_pathc strings, which live until globfree.
            for index in unsafe (0..<Int(matches.gl_pathc)).reversed() {
                if let path = unsafe matches.gl_pathv[index] {
                    found.append(unsafe String(cString: path))
                }
            }
        }
        return found
    }
}

extension ox_message {
    /// The text, which always ends with NUL.
    var string: String {
        unsafe withUnsafeBytes(of: self) {
            unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
