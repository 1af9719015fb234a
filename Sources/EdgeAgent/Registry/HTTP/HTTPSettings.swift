/// How connections to a registry are made.
struct HTTPSettings: Sendable, Equatable {
    enum Proxy: Sendable, Equatable {
        /// `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` of the process.
        case environment
        case none
        case url(String)
    }

    /// PEM files by absolute path.
    var certificateAuthorityFile: String?
    var usesSystemAuthorities = true
    var clientCertificateFile: String?
    var clientKeyFile: String?
    var requiresTLS13 = false
    var proxy = Proxy.environment
    /// `name:password`.
    var proxyCredentials: [UInt8]?
    var connectTimeout = Duration.seconds(15)
    /// A transfer slower than `minimumBytesPerSecond` for so long has failed; whole seconds.
    var stallTimeout = Duration.seconds(30)

    /// Below GPRS; what is slower is no link but an attack or a fault.
    static let minimumBytesPerSecond = 256
    /// For answers that are read into memory.
    static let documentTimeout = Duration.seconds(120)
}
