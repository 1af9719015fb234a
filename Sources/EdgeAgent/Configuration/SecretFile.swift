/// A secret that stands in a file. It never stands in a description, an error or a log.
package struct SecretFile: Sendable, CustomStringConvertible, CustomReflectable {
    /// The secret, without the end of line that editors add.
    package let bytes: [UInt8]
    /// Whether others than the owner and, for reading, the group get at the file.
    package let isExposed: Bool

    package var description: String { "a secret" }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// Reads a secret. Blocks on the disk.
    ///
    /// - Throws: the sentence that follows the file's name; nothing of its content.
    package init(path: String) throws(SecretFileError) {
        let bytes: [UInt8]
        let mode: UInt32
        do throws(ConfigurationFiles.Problem) {
            (bytes, mode) = try ConfigurationFiles.read(
                path, maximumBytes: ConfigurationFiles.maximumSecretBytes)
        } catch {
            throw SecretFileError(message: error.message)
        }
        var secret = bytes
        if secret.last == UInt8(ascii: "\n") { secret.removeLast() }
        if secret.last == UInt8(ascii: "\r") { secret.removeLast() }
        guard !secret.isEmpty else { throw SecretFileError(message: "is empty") }
        guard !secret.contains(0) else { throw SecretFileError(message: "contains a NUL") }
        self.bytes = secret
        isExposed = mode & 0o027 != 0
    }
}

/// Why a secret cannot be had.
package struct SecretFileError: Error, Sendable, Equatable {
    package let message: String
}

extension LoadedConfiguration {
    /// Reads the password of each broker that has one, and looks at the secrets of registries. Blocks on the disk.
    ///
    /// - Returns: passwords by the broker's name, and warnings about files that others can read.
    /// - Throws: every file that cannot be read.
    package func readPasswords() throws(ConfigurationError) -> (
        passwords: [String: [UInt8]], warnings: [ConfigurationDiagnostic]
    ) {
        var passwords: [String: [UInt8]] = [:]
        var diagnostics = ConfigurationDiagnostics()
        for broker in configuration.brokers {
            guard let path = broker.passwordFile else { continue }
            let keyPath = "brokers.\(broker.name).passwordFile"
            do throws(SecretFileError) {
                let secret = try SecretFile(path: path)
                passwords[broker.name] = secret.bytes
                if secret.isExposed {
                    diagnostics.warning(
                        location(of: keyPath), keyPath,
                        "'\(path)' can be read or changed by others: chmod 600")
                }
            } catch {
                diagnostics.error(location(of: keyPath), keyPath, "'\(path)' \(error.message)")
            }
        }
        for registry in configuration.registries { check(registry, &diagnostics) }
        guard !diagnostics.hasErrors else { throw ConfigurationError(diagnostics: diagnostics) }
        return (passwords, diagnostics.warnings)
    }

    /// An agent without its registry still watches the plant: what is wrong here is a warning.
    private func check(
        _ registry: RegistryConfiguration, _ diagnostics: inout ConfigurationDiagnostics
    ) {
        for (key, path) in [
            ("passwordFile", registry.passwordFile), ("tokenFile", registry.tokenFile),
            ("proxyCredentialsFile", registry.proxyCredentialsFile),
        ] {
            guard let path else { continue }
            let keyPath = "registries.\(registry.name).\(key)"
            do throws(SecretFileError) {
                guard try SecretFile(path: path).isExposed else { continue }
                diagnostics.warning(
                    location(of: keyPath), keyPath,
                    "'\(path)' can be read or changed by others: chmod 600")
            } catch {
                diagnostics.warning(
                    location(of: keyPath), keyPath,
                    "'\(path)' \(error.message): no model comes from there")
            }
        }
    }
}
