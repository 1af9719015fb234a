/// Where versions of models come from: an OCI registry, MLflow, a directory, an HTTPS index.
///
/// - Thread: any of the control plane's, never a pipeline's: both calls block on the network and the disk.
package protocol ModelRegistry: Sendable {
    /// Asks what a version or channel names now.
    ///
    /// - Parameter known: of an earlier answer; nil asks unconditionally.
    /// - Returns: nil if nothing has changed since `known`.
    /// - Throws: `RegistryError`; `.cancelled` soon after `control` says so.
    func resolve(
        _ reference: ModelReference, known: RegistryValidator?, control: DownloadControl
    ) throws(RegistryError) -> ResolvedModel?

    /// Brings every file of a model into a directory, which then holds these files and nothing else.
    ///
    /// What an earlier attempt has left there is gone on with. Sizes, and digests where the registry knows them,
    /// are checked while bytes come; each file has its name only when it is whole and synced.
    ///
    /// - Throws: `RegistryError`; what has come so far stays for the next attempt, unless it is wrong.
    func download(
        _ model: ResolvedModel, into directory: PartialDownload, control: DownloadControl
    ) throws(RegistryError)
}
