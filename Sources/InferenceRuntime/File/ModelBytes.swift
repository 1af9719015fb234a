internal import Glibc

/// The bytes of a model file in memory of our own.
///
/// A copy, not a mapping: a file that is truncated or rewritten while it is mapped kills the
/// process with SIGBUS or changes under checks that have already been made. A read-only mapping
/// protects from neither, and a mapped file cannot be sealed. Weights are packed into other memory
/// anyway, so the copy lives only until the plan is made. One that changes while it is read gives
/// a mixture of old and new bytes, which is checked like any other file.
///
/// All reading is bounds-checked and never traps.
struct ModelBytes: Sendable {
    private let memory: AlignedMemory
    let count: Int

    /// Copies `bytes`.
    init(copying bytes: UnsafeRawBufferPointer, limit: Int) throws(ModelError) {
        guard bytes.count <= limit else {
            throw .fileTooLarge(bytes: bytes.count, limit: limit)
        }
        memory = try AlignedMemory(byteCount: bytes.count)
        count = bytes.count
        unsafe memory.bytes.copyMemory(from: bytes)
    }

    /// Copies `bytes`, which are our own.
    init(copying bytes: [UInt8]) throws(ModelError) {
        memory = try AlignedMemory(byteCount: bytes.count)
        count = bytes.count
        unsafe memory.bytes.copyBytes(from: bytes)
    }

    /// Reads the file at `path` whole. Blocks on the disk.
    init(contentsOf path: String, limit: Int) throws(ModelError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .cannotRead(path: path, code: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw .cannotRead(path: path, code: errno)
        }
        // A fifo or device could block for ever, or never end.
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .cannotRead(
                path: path, code: status.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL)
        }
        let size = Int(status.st_size)
        guard size <= limit else { throw .fileTooLarge(bytes: size, limit: limit) }
        memory = try AlignedMemory(byteCount: size)
        var filled = 0
        while filled < size {
            let got = unsafe read(descriptor, memory.base + filled, size - filled)
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw .cannotRead(path: path, code: errno) }
            if got == 0 { break }
            filled += got
        }
        count = filled
    }

    /// Whether TensorFlow Lite's identifier, TFL3, is where it belongs.
    var isTFLite: Bool { count >= 8 && (try? load(UInt32.self, at: 4)) == 0x334C_4654 }

    /// The same bytes, and zeros up to `count`.
    func copy(extendedTo count: Int) throws(ModelError) -> ModelBytes {
        let longer = try AlignedMemory(byteCount: count)
        unsafe longer.base.copyMemory(from: memory.base, byteCount: self.count)
        return ModelBytes(memory: longer, count: count)
    }

    private init(memory: AlignedMemory, count: Int) {
        self.memory = memory
        self.count = count
    }

    /// Stores `values` at `offset`; only before anyone else has these bytes.
    func write(_ values: [Float], at offset: Int) {
        precondition(offset >= 0 && offset + 4 * values.count <= count, "an unchecked range")
        for (index, value) in values.enumerated() {
            unsafe memory.base.storeBytes(
                of: value.bitPattern.littleEndian, toByteOffset: offset + 4 * index,
                as: UInt32.self)
        }
    }

    /// The bytes of `range`, which must have come from a checked read.
    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "an unchecked range")
        return unsafe UnsafeRawBufferPointer(
            start: memory.base + range.lowerBound, count: range.count)
    }

    /// The little-endian integer at `offset`.
    func load<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type, at offset: Int
    ) throws(ModelError) -> T {
        let size = MemoryLayout<T>.size
        guard offset >= 0, offset <= count - size else {
            throw .malformed(.offsetOutOfBounds, offset: offset)
        }
        return T(littleEndian: unsafe memory.base.loadUnaligned(fromByteOffset: offset, as: T.self))
    }
}

/// The C library's text for an errno value.
func errorText(_ code: Int32) -> String {
    unsafe String(cString: strerror(code))
}
