/// Which pages of a damaged database are free: they still have rows on them, which were deleted.
///
/// Taking a page in use for free loses its rows; taking a free one for used brings back records that were delivered long
/// ago, out of order. Three places say it, each on pages of its own: the free list, the pointer map (an entry for each
/// page, which a database with incremental vacuum has), and the trees, which lead to each page in use. What two of them
/// say counts, so that damage to any one of them costs nothing.
///
/// - Source: "Database File Format", sqlite.org/fileformat2.html, sections 1.5, 1.6 and 1.8.
struct OutboxFreePages {
    private let listed: Set<Int>
    private let reached: Set<Int>
    private let pageCount: Int
    private let usableBytes: Int
    private let page: (Int) -> [UInt8]?
    private let hasMap: Bool

    /// - Parameter page: the bytes of a page; nil if there is none. What it says may be anything.
    init(pageCount: Int, usableBytes: Int, page: @escaping (Int) -> [UInt8]?) {
        self.pageCount = pageCount
        self.usableBytes = usableBytes
        self.page = page
        let first = page(1) ?? []
        listed = Self.listed(first, pageCount, usableBytes, page)
        reached = Self.reached(pageCount, page)
        // Ours have one, so where the head is damaged as well it is taken to be there.
        let isHeadWhole = first.starts(with: "SQLite format 3\0".utf8)
        hasMap = !isHeadWhole || OutboxPageReader.integer(first, 52) != 0
    }

    /// Whether a page is free.
    func contains(_ number: Int) -> Bool {
        guard number > 1 else { return false }
        guard let isFreeInMap = isFreeInMap(number) else {
            return listed.contains(number) && !reached.contains(number)
        }
        let votes = [listed.contains(number), isFreeInMap, !reached.contains(number)]
        return votes.count { $0 } >= 2
    }

    /// nil: there is no map, or the page is one of its own.
    private func isFreeInMap(_ number: Int) -> Bool? {
        guard hasMap else { return nil }
        let span = usableBytes / 5 + 1
        var map = (number - 2) / span * span + 2
        // The page at 1 GiB is for locks.
        if map == (1 << 30) / usableBytes + 1 { map += 1 }
        guard number > map, let bytes = page(map) else { return nil }
        let offset = 5 * (number - map - 1)
        guard offset < bytes.count else { return nil }
        return bytes[offset] == 2
    }

    private static func listed(
        _ first: [UInt8], _ pageCount: Int, _ usableBytes: Int, _ page: (Int) -> [UInt8]?
    ) -> Set<Int> {
        var listed: Set<Int> = []
        var trunk = OutboxPageReader.integer(first, 32)
        while trunk > 1, trunk <= pageCount, listed.insert(trunk).inserted, let bytes = page(trunk)
        {
            let count = min(OutboxPageReader.integer(bytes, 4), usableBytes / 4 - 2)
            for index in 0..<max(0, count) {
                let leaf = OutboxPageReader.integer(bytes, 8 + 4 * index)
                if leaf > 1, leaf <= pageCount { listed.insert(leaf) }
            }
            trunk = OutboxPageReader.integer(bytes, 0)
        }
        return listed
    }

    /// The pages to which the trees lead, overflowing rows aside.
    private static func reached(_ pageCount: Int, _ page: (Int) -> [UInt8]?) -> Set<Int> {
        var reached: Set<Int> = []
        var roots: [Int] = []
        walk([1]) { bytes, start, cells in
            guard bytes[start] == 0x0D else { return }
            roots += cells.compactMap { root(bytes, $0) }
        }
        walk(roots) { _, _, _ in }
        return reached

        func walk(_ from: [Int], _ body: ([UInt8], Int, [Int]) -> Void) {
            var next = from
            while let number = next.popLast() {
                guard number >= 1, number <= pageCount, reached.insert(number).inserted,
                    let bytes = page(number)
                else { continue }
                let start = number == 1 ? 100 : 0
                let isInner = bytes[start] == 0x05
                let cells = cells(bytes, start, isInner: isInner)
                body(bytes, start, cells)
                guard isInner else { continue }
                next.append(OutboxPageReader.integer(bytes, start + 8))
                next += cells.map { OutboxPageReader.integer(bytes, $0) }
            }
        }
    }

    /// Where the cells of a page are.
    private static func cells(_ bytes: [UInt8], _ start: Int, isInner: Bool) -> [Int] {
        let count = Int(bytes[start + 3]) << 8 | Int(bytes[start + 4])
        let first = start + (isInner ? 12 : 8)
        return (0..<count).lazy.map { first + 2 * $0 }.prefix { $0 + 2 <= bytes.count }.map {
            Int(bytes[$0]) << 8 | Int(bytes[$0 + 1])
        }
    }

    /// The root page that a row of the schema names.
    private static func root(_ bytes: [UInt8], _ cell: Int) -> Int? {
        var reader = ByteReader(bytes: bytes, offset: cell)
        guard reader.variableInteger() != nil, reader.variableInteger() != nil else { return nil }
        let row = reader.offset
        guard let headerBytes = reader.variableInteger(), headerBytes > 0, headerBytes < 64
        else { return nil }
        var offset = row + Int(headerBytes)
        // Type, name, table; then the root.
        for _ in 0..<3 {
            guard let type = reader.variableInteger(), type >= 12, type < 1 << 16 else {
                return nil
            }
            offset += Int((type - 12) / 2)
        }
        guard let type = reader.variableInteger(), (1...4).contains(type) else { return nil }
        guard offset + Int(type) <= bytes.count else { return nil }
        return bytes[offset..<offset + Int(type)].reduce(0) { $0 << 8 | Int($1) }
    }
}
