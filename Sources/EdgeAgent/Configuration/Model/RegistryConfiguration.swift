/// Where versions of models come from, and how the agent introduces itself there.
package struct RegistryConfiguration: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case oci, mlflow, https, directory
    }

    package var name = ""
    package var kind = Kind.oci
    /// `oci`, `mlflow`, `https`: an absolute URL.
    package var url: String?
    /// `directory`: an absolute path.
    package var path: String?
    /// Asked before `url`, without credentials.
    package var mirrors: [String] = []
    package var username: String?
    package var passwordFile: String?
    package var tokenFile: String?
    /// The one token server on another host that may see the password.
    package var tokenServer: String?
    package var tls: TLSConfiguration?
    /// A URL, `none`, or nil for the environment's.
    package var proxy: String?
    /// Holds `name:password`.
    package var proxyCredentialsFile: String?
    package var connectTimeout = Duration.seconds(15)
    package var stallTimeout = Duration.seconds(30)

    package init() {}
}
