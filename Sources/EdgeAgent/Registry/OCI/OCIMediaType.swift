/// - Source: CNCF ModelPack specification 0.0.7, OCI image specification 1.1.
enum OCIMediaType {
    static let manifest = "application/vnd.oci.image.manifest.v1+json"
    static let index = "application/vnd.oci.image.index.v1+json"
    static let modelManifest = "application/vnd.cncf.model.manifest.v1+json"
    static let modelConfig = "application/vnd.cncf.model.config.v1+json"
    static let weight = "application/vnd.cncf.model.weight.v1.raw"
    static let weightConfig = "application/vnd.cncf.model.weight.config.v1.raw"
    static let documentation = "application/vnd.cncf.model.doc.v1.raw"
    static let sigstoreBundle = "application/vnd.dev.sigstore.bundle.v0.3+json"

    static let titleAnnotation = "org.opencontainers.image.title"
    static let pathAnnotation = "org.cncf.model.filepath"
    static let createdAnnotation = "org.opencontainers.image.created"
    /// What oras sets on a layer that is a packed directory.
    static let unpackAnnotation = "io.deis.oras.content.unpack"

    /// The type of a bundle's file.
    static func layer(_ name: String) -> String {
        switch name {
        case "model.tflite", "model.onnx": weight
        case "README.md", "LICENSE": documentation
        default: weightConfig
        }
    }
}
