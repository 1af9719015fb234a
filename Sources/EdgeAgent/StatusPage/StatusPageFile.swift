internal import CStatusPage

/// One file of the status page, as it was built into the executable.
package struct StatusPageFile: Sendable {
    package let name: String
    package let contentType: String
    /// Changes whenever the content does; with its quotes.
    package let entityTag: String
    private let number: Int

    /// All files. - Complexity: reads them once, for their digests.
    package static let all: [StatusPageFile] = {
        var files: [StatusPageFile] = []
        while let file = StatusPageFile(number: files.count) { files.append(file) }
        return files
    }()

    private init?(number: Int) {
        // A constant of the executable, or none of that number.
        guard let file = unsafe status_page_file_at(number) else { return nil }
        self.number = number
        unsafe name = String(cString: file.pointee.name)
        unsafe contentType = String(cString: file.pointee.content_type)
        let bytes = unsafe [UInt8](
            UnsafeBufferPointer(start: file.pointee.bytes, count: file.pointee.size))
        entityTag = "\"\(SHA256Digest(of: bytes).hexadecimal.prefix(16))\""
    }

    /// The content, copied from the executable.
    package var bytes: [UInt8] {
        guard let file = unsafe status_page_file_at(number) else { return [] }
        return unsafe [UInt8](
            UnsafeBufferPointer(start: file.pointee.bytes, count: file.pointee.size))
    }
}
