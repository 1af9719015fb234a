/// What tells one state of a version or channel from another: a digest or an ETag, to be kept as it is.
package struct RegistryValidator: Sendable, Hashable {
    package let text: String

    package init(text: String) { self.text = text }
}

/// What a reference names at this moment: all that can be known before the download.
package struct ResolvedModel: Sendable, Equatable {
    /// For people and the audit log: where it comes from, with the digest where the registry has one.
    package var origin: String
    package var validator: RegistryValidator
    /// In ascending order of names; each name once.
    package var files: [RegistryFile]

    package init(origin: String, validator: RegistryValidator, files: [RegistryFile]) {
        self.origin = origin
        self.validator = validator
        self.files = files
    }

    /// The bytes of all files; nil if the size of one is not known.
    package var totalBytes: UInt64? {
        var total: UInt64 = 0
        for file in files {
            guard let size = file.sizeBytes else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(size)
            guard !overflow else { return .max }
            total = sum
        }
        return total
    }
}

/// One file of a model.
package struct RegistryFile: Sendable, Equatable {
    /// A plain file name: no `/`, not `.` or `..`, no leading dot.
    package let name: String
    package var sizeBytes: UInt64?
    package var sha256: SHA256Digest?
    /// Where it is; means something only to the registry that said it.
    package var location: String

    /// nil when a bundle's file cannot be called so.
    package init?(name: String, sizeBytes: UInt64?, sha256: SHA256Digest?, location: String) {
        guard Self.isFileName(name) else { return nil }
        self.name = name
        self.sizeBytes = sizeBytes
        self.sha256 = sha256
        self.location = location
    }

    /// Printable text without `/`, of at most 128 bytes, that does not start with a dot.
    static func isFileName(_ name: String) -> Bool {
        guard (1...128).contains(name.utf8.count), !name.hasPrefix(".") else { return false }
        return name.unicodeScalars.allSatisfy { scalar in
            scalar != "/" && scalar != "\\" && scalar.properties.generalCategory != .control
        }
    }
}
