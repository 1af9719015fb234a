/// Reads a write-ahead log without SQLite: which pages it has, and whether it is damaged.
///
/// - Source: "Database File Format", sqlite.org/fileformat2.html, section 4.
final class OutboxLogReader {
    private let file: SalvageFile
    let pageBytes: Int
    /// Where the latest version of each page is in the file.
    private(set) var pages: [Int: Int] = [:]
    /// How many frames from the start have checksums that agree.
    private(set) var intactFrames = 0
    /// The salt values of the header; nil if the header is damaged.
    private(set) var salts: [UInt8]?
    /// How many frames that end a transaction come after these, of the same generation of the log.
    private(set) var commitsAfterDamage = 0
    /// How many pages the database has after the last transaction; nil if that is damaged, or there is none.
    private(set) var databasePages: Int?

    /// Opens and reads the log; nil if there is none, or nothing in it.
    init?(path: String) {
        guard let file = SalvageFile(path: path), file.count > 32 else { return nil }
        self.file = file
        let header = file.bytes(at: 0, count: 32)
        guard header.count == 32 else { return nil }
        let magic = Self.integer(header, 0)
        let stated = Int(Self.integer(header, 8))
        let isBigEndian = magic == 0x377F_0683
        var sum = Checksum(isBigEndian: isBigEndian)
        sum.add(header[0..<24])
        let hasHeader =
            (isBigEndian || magic == 0x377F_0682) && sum.first == Self.integer(header, 24)
            && sum.second == Self.integer(header, 28)
            && stated >= 512 && stated <= 65_536 && stated & (stated - 1) == 0
        // Of a damaged header nothing is believed. Our databases have pages of this size.
        pageBytes = hasHeader ? stated : 4096
        if hasHeader { salts = Array(header[16..<24]) }
        readFrames(sum)
    }

    /// Takes the frames of the newest generation, with which the file begins.
    private func readFrames(_ headerSum: Checksum) {
        let frameBytes = 24 + pageBytes
        let count = (file.count - 32) / frameBytes
        func head(_ index: Int) -> [UInt8] { file.bytes(at: 32 + index * frameBytes, count: 24) }
        // Where the header does not say which generation that is, the first frame does.
        guard let generation = salts ?? (count > 0 ? Array(head(0).dropFirst(8).prefix(8)) : nil)
        else { return }
        // A frame with other salts is of an earlier generation, or damaged if one of this generation follows.
        let end = (0..<count).last { head($0).dropFirst(8).prefix(8).elementsEqual(generation) }
        guard let end else { return }
        var sum = headerSum
        var isIntact = salts != nil
        var transaction: [(page: Int, offset: Int)] = []
        func takeTransaction() {
            for (page, offset) in transaction { pages[page] = offset }
            transaction.removeAll(keepingCapacity: true)
        }
        for index in 0...end {
            let offset = 32 + index * frameBytes
            let frame = file.bytes(at: offset, count: frameBytes)
            guard frame.count == frameBytes else { break }
            if isIntact {
                sum.add(frame[0..<8])
                sum.add(frame[24...])
                isIntact =
                    frame[8..<16].elementsEqual(generation)
                    && sum.first == Self.integer(frame, 16)
                    && sum.second == Self.integer(frame, 20)
                if isIntact { intactFrames += 1 }
            }
            let page = Int(Self.integer(frame, 0))
            if page > 0, page < 1 << 28 { transaction.append((page, offset + 24)) }
            let databasePages = Int(Self.integer(frame, 4))
            guard databasePages != 0 else { continue }
            self.databasePages = isIntact ? databasePages : nil
            if !isIntact { commitsAfterDamage += 1 }
            takeTransaction()
        }
        // What is whole and has no end was never committed: one page of it without the others could lose rows that
        // were moved between them.
        if !isIntact { takeTransaction() }
    }

    /// The latest version of a page; nil if the log has none.
    func page(_ number: Int) -> [UInt8]? {
        guard let offset = pages[number] else { return nil }
        let bytes = file.bytes(at: offset, count: pageBytes)
        return bytes.count == pageBytes ? bytes : nil
    }

    private static func integer(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The running checksum over 32-bit words.
    private struct Checksum {
        let isBigEndian: Bool
        var first: UInt32 = 0
        var second: UInt32 = 0

        mutating func add(_ bytes: ArraySlice<UInt8>) {
            var index = bytes.startIndex
            while index + 8 <= bytes.endIndex {
                first = first &+ word(bytes, index) &+ second
                second = second &+ word(bytes, index + 4) &+ first
                index += 8
            }
        }

        private func word(_ bytes: ArraySlice<UInt8>, _ at: Int) -> UInt32 {
            let value =
                UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16
                | UInt32(bytes[at + 3]) << 24
            return isBigEndian ? value.byteSwapped : value
        }
    }
}
