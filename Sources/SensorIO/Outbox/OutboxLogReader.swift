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

    /// Opens and reads the log; nil if there is none, or nothing in it.
    init?(path: String) {
        guard let file = SalvageFile(path: path), file.count > 32 else { return nil }
        self.file = file
        let header = file.bytes(at: 0, count: 32)
        guard header.count == 32 else { return nil }
        let magic = Self.integer(header, 0)
        let stated = Int(Self.integer(header, 8))
        pageBytes = stated >= 512 && stated <= 65_536 && stated & (stated - 1) == 0 ? stated : 4096
        let isBigEndian = magic == 0x377F_0683
        var sum = Checksum(isBigEndian: isBigEndian)
        sum.add(header[0..<24])
        // Without a good header nothing says which frames belong to this generation: all of them are taken.
        let hasHeader =
            (isBigEndian || magic == 0x377F_0682) && sum.first == Self.integer(header, 24)
            && sum.second == Self.integer(header, 28)
        var isIntact = hasHeader
        if hasHeader { salts = Array(header[16..<24]) }
        var offset = 32
        while offset + 24 + pageBytes <= file.count {
            let frame = file.bytes(at: offset, count: 24 + pageBytes)
            guard frame.count == 24 + pageBytes else { break }
            let belongs = !hasHeader || frame[8..<16].elementsEqual(header[16..<24])
            // What follows is of an earlier generation.
            guard belongs else { break }
            if isIntact {
                sum.add(frame[0..<8])
                sum.add(frame[24...])
                isIntact =
                    sum.first == Self.integer(frame, 16) && sum.second == Self.integer(frame, 20)
                if isIntact { intactFrames += 1 }
            }
            if !isIntact, Self.integer(frame, 4) != 0 { commitsAfterDamage += 1 }
            let page = Int(Self.integer(frame, 0))
            if page > 0, page < 1 << 28 { pages[page] = offset + 24 }
            offset += 24 + pageBytes
        }
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
