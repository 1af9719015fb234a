internal import Glibc

/// Reads rows straight from the pages of a database file and its log, without the tree above them: so that a
/// damaged page costs only the rows on it.
///
/// Whatever is read may be damaged: every offset is checked, every loop bounded, and a record counts only if its
/// checksum agrees.
///
/// - Source: "Database File Format", sqlite.org/fileformat2.html, sections 1.3 to 1.6, 2.1 and 4.1.
final class OutboxPageReader {
    enum Row {
        case record(OutboxRecord)
        case quarantined(OutboxRecord, reason: UInt8)
        case boot(Int64, [Int64])
        case kept(OutboxKept)
    }

    private let file: SalvageFile?
    private let log: OutboxLogReader?
    private let pageBytes: Int
    private let usableBytes: Int
    private let storedPages: Int
    private let pageCount: Int
    /// The pages that are only in the log: behind the file's end.
    private let logPages: [Int]

    /// Opens the file and its log; nil if there is neither.
    init?(path: String) {
        file = SalvageFile(path: path)
        log = OutboxLogReader(path: path + "-wal")
        guard file != nil || log != nil else { return nil }
        let header = file?.bytes(at: 0, count: 100) ?? []
        let stated = header.count == 100 ? Int(header[16]) << 8 | Int(header[17]) : 0
        let isPlausible = stated >= 512 && stated & (stated - 1) == 0
        pageBytes = log?.pageBytes ?? (isPlausible ? stated : 4096)
        // The reserved bytes at a page's end; ours has none.
        usableBytes = pageBytes
        let storedPages = (file?.count ?? 0) / pageBytes
        self.storedPages = storedPages
        logPages = (log?.pages.keys.filter { $0 > storedPages } ?? []).sorted()
        pageCount = max(storedPages, logPages.last ?? 0)
    }

    /// The numbers of the pages that may hold rows: all but free ones.
    var tablePages: [Int] {
        // Not every number up to `pageCount`: a damaged log may name page 2^28.
        let numbers = Array(1..<storedPages + 1) + logPages
        let free = OutboxFreePages(pageCount: pageCount, usableBytes: usableBytes, page: page)
        // What the log has cut off the file was given back to the file system.
        let end = log?.databasePages ?? .max
        return numbers.filter { $0 <= end && !free.contains($0) }
    }

    private func page(_ number: Int) -> [UInt8]? {
        if let page = log?.page(number) { return page }
        guard number >= 1 else { return nil }
        let bytes = file?.bytes(at: (number - 1) * pageBytes, count: pageBytes)
        return bytes?.count == pageBytes ? bytes : nil
    }

    static func integer(_ bytes: [UInt8], _ offset: Int) -> Int {
        guard offset >= 0, offset + 4 <= bytes.count else { return 0 }
        return bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
    }

    // MARK: Cells

    /// The rows on a page, if it is a leaf of a table.
    func rows(ofPage number: Int) -> [Row] {
        guard let bytes = page(number) else { return [] }
        let start = number == 1 ? 100 : 0
        guard bytes[start] == 0x0D else { return [] }
        let count = Int(bytes[start + 3]) << 8 | Int(bytes[start + 4])
        var rows: [Row] = []
        for index in 0..<count {
            let at = start + 8 + 2 * index
            guard at + 2 <= bytes.count else { break }
            let cell = Int(bytes[at]) << 8 | Int(bytes[at + 1])
            if let row = row(bytes, cell) { rows.append(row) }
        }
        return rows
    }

    private func row(_ page: [UInt8], _ offset: Int) -> Row? {
        var reader = ByteReader(bytes: page, offset: offset)
        guard let length = reader.variableInteger(), let rowid = reader.variableInteger(),
            length > 0, length <= 1 << 26,
            let payload = payload(page, reader.offset, Int(length))
        else { return nil }
        return Self.decode(payload, rowid: rowid)
    }

    private func payload(_ page: [UInt8], _ offset: Int, _ length: Int) -> [UInt8]? {
        let most = usableBytes - 35
        guard length > most else {
            return offset + length <= page.count ? Array(page[offset..<offset + length]) : nil
        }
        let least = (usableBytes - 12) * 32 / 255 - 23
        let remainder = least + (length - least) % (usableBytes - 4)
        let local = remainder <= most ? remainder : least
        guard offset + local + 4 <= page.count else { return nil }
        var payload = Array(page[offset..<offset + local])
        var next = Self.integer(page, offset + local)
        while payload.count < length {
            guard next > 1, next <= pageCount, let overflow = self.page(next) else { return nil }
            let count = min(length - payload.count, usableBytes - 4)
            payload += overflow[4..<4 + count]
            next = Self.integer(overflow, 0)
        }
        return payload
    }

    // MARK: Records

    private enum Value {
        case integer(Int64)
        case bytes(Range<Int>)
        case null
    }

    private static func decode(_ payload: [UInt8], rowid: Int64) -> Row? {
        guard let values = values(payload) else { return nil }
        func number(_ index: Int) -> Int64? {
            if case .integer(let value) = values[index] { value } else { nil }
        }
        switch values.count {
        case 5:
            guard case .bytes(let scope) = values[1], case .bytes(let key) = values[2],
                case .bytes(let bytes) = values[3], let checksum = number(4)
            else { return nil }
            return OutboxStore.kept(
                number: rowid, scope: Array(payload[scope]), key: Array(payload[key]),
                bytes: Array(payload[bytes]), checksum: checksum
            ).map { .kept($0) }
        case 6:
            let numbers = (1..<6).compactMap(number)
            guard numbers.count == 5, rowid > 0, rowid <= 1 << 60 else { return nil }
            return .boot(rowid, numbers)
        case 12:
            return record(payload, values, id: rowid).map { .record($0) }
        case 14:
            guard let id = number(12), let reason = number(13).flatMap({ UInt8(exactly: $0) })
            else { return nil }
            return record(payload, values, id: id).map { .quarantined($0, reason: reason) }
        default: return nil
        }
    }

    private static func record(_ payload: [UInt8], _ values: [Value], id: Int64) -> OutboxRecord? {
        let numbers = values[1..<10].compactMap { value -> Int64? in
            if case .integer(let number) = value { number } else { nil }
        }
        guard numbers.count == 9, case .bytes(let topic) = values[10],
            case .bytes(let body) = values[11]
        else { return nil }
        return unsafe payload.withUnsafeBytes { bytes in
            // Proof: `values` made both ranges from offsets within the payload.
            unsafe OutboxStore.record(
                id: id, numbers: numbers, topic: UnsafeRawBufferPointer(rebasing: bytes[topic]),
                payload: UnsafeRawBufferPointer(rebasing: bytes[body]))
        }
    }

    private static func values(_ payload: [UInt8]) -> [Value]? {
        var reader = ByteReader(bytes: payload, offset: 0)
        guard let headerBytes = reader.variableInteger(), headerBytes <= 64 else { return nil }
        var offset = Int(headerBytes)
        var values: [Value] = []
        while reader.offset < Int(headerBytes) {
            guard let type = reader.variableInteger(), type >= 0 else { return nil }
            switch type {
            case 0: values.append(.null)
            case 1...6:
                let count = [1, 2, 3, 4, 6, 8][Int(type) - 1]
                guard offset + count <= payload.count else { return nil }
                var value = Int64(Int8(bitPattern: payload[offset]))
                for byte in payload[offset + 1..<offset + count] {
                    value = value << 8 | Int64(byte)
                }
                values.append(.integer(value))
                offset += count
            case 8, 9: values.append(.integer(type - 8))
            case 12...:
                let (count, _) = (type - 12).quotientAndRemainder(dividingBy: 2)
                guard count <= Int64(payload.count - offset) else { return nil }
                values.append(.bytes(offset..<offset + Int(count)))
                offset += Int(count)
            default: return nil
            }
            guard offset <= payload.count else { return nil }
        }
        return values
    }
}

/// Reads SQLite's variable-length integers, never past the end.
struct ByteReader {
    let bytes: [UInt8]
    var offset: Int

    mutating func variableInteger() -> Int64? {
        var value: UInt64 = 0
        for index in 0..<9 {
            guard offset >= 0, offset < bytes.count else { return nil }
            let byte = bytes[offset]
            offset += 1
            if index == 8 {
                value = value << 8 | UInt64(byte)
            } else {
                value = value << 7 | UInt64(byte & 0x7F)
                if byte & 0x80 == 0 { break }
            }
        }
        return Int64(bitPattern: value)
    }
}

/// A file that is read at offsets.
final class SalvageFile {
    private let descriptor: Int32
    let count: Int

    init?(path: String) {
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        count = Int(lseek(descriptor, 0, SEEK_END))
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// The bytes at an offset; fewer at the end of the file, or where the disk fails.
    func bytes(at offset: Int, count: Int) -> [UInt8] {
        guard offset >= 0, count > 0 else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            // Proof: each call reads at most what is left of the buffer.
            while filled < count {
                let got = unsafe pread(
                    descriptor, buffer.baseAddress?.advanced(by: filled), count - filled,
                    off_t(offset + filled))
                guard got > 0 else { return }
                filled += got
            }
        }
    }
}
