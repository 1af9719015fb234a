/// Finds what somebody who wrote an unknown word may have meant.
enum NearestKey {
    /// The known word nearest to `word`, if it is near enough to be meant.
    ///
    /// Spelling that differs only in case, `_` or `-` is nearest of all.
    static func find(_ word: String, among known: [String]) -> String? {
        let wanted = normalized(word)
        guard !wanted.isEmpty, wanted.count <= 128 else { return nil }
        var best: (word: String, distance: Int)?
        for candidate in known {
            let letters = normalized(candidate)
            let distance = distance(wanted, letters)
            // A third of the letters may be wrong; of short words one.
            guard distance <= max(1, min(wanted.count, letters.count) / 3) else { continue }
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        // `password` for `passwordFile`: one is the start of the other.
        return best?.word
            ?? known.first { candidate in
                let letters = normalized(candidate)
                return min(wanted.count, letters.count) >= 4
                    && (letters.starts(with: wanted) || wanted.starts(with: letters))
            }
    }

    private static func normalized(_ word: String) -> [UInt8] {
        word.lowercased().utf8.filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var before: [Int] = []
        var previous = Array(0...right.count)
        for row in 1...left.count {
            var current = [row]
            for column in 1...right.count {
                let cost = left[row - 1] == right[column - 1] ? 0 : 1
                var least = min(
                    previous[column] + 1, current[column - 1] + 1, previous[column - 1] + cost)
                if row > 1, column > 1, left[row - 1] == right[column - 2],
                    left[row - 2] == right[column - 1]
                {
                    least = min(least, before[column - 2] + 1)
                }
                current.append(least)
            }
            (before, previous) = (previous, current)
        }
        return previous[right.count]
    }
}
