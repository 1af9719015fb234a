/// A table of a FlatBuffers file. Every read is checked against the file's bounds and the table's
/// own; nothing is followed further than the caller asks, so cycles cannot be walked into.
///
/// - Source: FlatBuffers binary format (flatbuffers.dev/internals).
struct FlatBufferTable {
    let file: ModelBytes
    let position: Int
    private let virtualTable: Int
    private let virtualTableBytes: Int
    private let tableBytes: Int

    /// The table that the 32-bit offset at `reference` points at.
    init(_ file: ModelBytes, at reference: Int) throws(ModelError) {
        let position = reference + Int(try file.load(UInt32.self, at: reference))
        let virtualTable = position - Int(try file.load(Int32.self, at: position))
        let bytes = Int(try file.load(UInt16.self, at: virtualTable))
        let tableBytes = Int(try file.load(UInt16.self, at: virtualTable + 2))
        guard bytes >= 4, virtualTable + bytes <= file.count else {
            throw .malformed(.tableOutOfBounds, offset: virtualTable)
        }
        guard tableBytes >= 4, position + tableBytes <= file.count else {
            throw .malformed(.tableOutOfBounds, offset: position)
        }
        self.file = file
        self.position = position
        self.virtualTable = virtualTable
        self.virtualTableBytes = bytes
        self.tableBytes = tableBytes
    }

    /// Where field `index` of `size` bytes lies; nil when it is absent and so has its default.
    private func field(_ index: Int, size: Int) throws(ModelError) -> Int? {
        let entry = 4 + 2 * index
        guard entry + 2 <= virtualTableBytes else { return nil }
        let offset = Int(try file.load(UInt16.self, at: virtualTable + entry))
        if offset == 0 { return nil }
        guard offset >= 4, offset + size <= tableBytes else {
            throw .malformed(.tableOutOfBounds, offset: virtualTable + entry)
        }
        return position + offset
    }

    func integer<T: FixedWidthInteger & BitwiseCopyable>(
        _ index: Int, default value: T
    ) throws(ModelError) -> T {
        guard let at = try field(index, size: MemoryLayout<T>.size) else { return value }
        return try file.load(T.self, at: at)
    }

    func float(_ index: Int, default value: Float) throws(ModelError) -> Float {
        guard let at = try field(index, size: 4) else { return value }
        return Float(bitPattern: try file.load(UInt32.self, at: at))
    }

    func bool(_ index: Int) throws(ModelError) -> Bool {
        try integer(index, default: UInt8(0)) != 0
    }

    func table(_ index: Int) throws(ModelError) -> FlatBufferTable? {
        guard let at = try field(index, size: 4) else { return nil }
        return try FlatBufferTable(file, at: at)
    }

    /// The vector in field `index`; an absent one is empty.
    func vector(_ index: Int, elementBytes: Int) throws(ModelError) -> FlatBufferVector {
        guard let at = try field(index, size: 4) else { return .init(file: file) }
        return try FlatBufferVector(file, at: at, elementBytes: elementBytes)
    }

    /// At most `limit` bytes of the string in field `index`.
    func string(_ index: Int, limit: Int = 256) throws(ModelError) -> String {
        let text = try vector(index, elementBytes: 1)
        let range = text.start..<text.start + min(text.count, limit)
        return unsafe String(decoding: file.bytes(range), as: UTF8.self)
    }
}

/// A vector that lies wholly within the file.
struct FlatBufferVector {
    let file: ModelBytes
    let start: Int
    let count: Int
    let elementBytes: Int

    init(file: ModelBytes) {
        self.file = file
        (start, count, elementBytes) = (0, 0, 1)
    }

    /// The vector that the 32-bit offset at `reference` points at.
    init(_ file: ModelBytes, at reference: Int, elementBytes: Int) throws(ModelError) {
        let position = reference + Int(try file.load(UInt32.self, at: reference))
        let count = Int(try file.load(UInt32.self, at: position))
        // Both are below 2^33, so the product cannot overflow.
        guard count * elementBytes <= file.count - position - 4 else {
            throw .malformed(.vectorOutOfBounds, offset: position)
        }
        self.file = file
        self.start = position + 4
        self.count = count
        self.elementBytes = elementBytes
    }

    /// The file's bytes that the vector fills.
    var range: Range<Int> { start..<start + count * elementBytes }

    private func offset(of index: Int) throws(ModelError) -> Int {
        guard index >= 0, index < count else {
            throw .malformed(.indexOutOfRange, offset: start)
        }
        return start + index * elementBytes
    }

    func integer<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type, at index: Int
    ) throws(ModelError) -> T {
        try file.load(type, at: try offset(of: index))
    }

    func float(at index: Int) throws(ModelError) -> Float {
        Float(bitPattern: try integer(UInt32.self, at: index))
    }

    func table(at index: Int) throws(ModelError) -> FlatBufferTable {
        try FlatBufferTable(file, at: try offset(of: index))
    }
}
