/// A version as Semantic Versioning 2.0.0 orders them; for people, and for the minimum agent version.
///
/// What protects against going back is a bundle's release number, not this.
package struct SemanticVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let major: Int
    package let minor: Int
    package let patch: Int
    /// Identifiers behind `-`; empty for a release.
    package let prerelease: [String]
    /// The text as it was written, build metadata included.
    package let description: String

    /// Reads `1.2.3`, `1.2.3-rc.1` or either with `+build`; nil for anything else.
    package init?(_ text: String) {
        guard text.utf8.count <= 128 else { return nil }
        let withoutBuild = text.split(
            separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        let halves = withoutBuild[0].split(
            separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = halves[0].split(separator: ".", omittingEmptySubsequences: false)
            .map(Self.number)
        guard numbers.count == 3, let major = numbers[0], let minor = numbers[1],
            let patch = numbers[2]
        else { return nil }
        var identifiers: [String] = []
        if halves.count == 2 {
            identifiers = halves[1].split(separator: ".", omittingEmptySubsequences: false)
                .map(String.init)
            guard identifiers.allSatisfy(Self.isPrereleaseIdentifier) else { return nil }
        }
        if withoutBuild.count == 2 {
            let build = withoutBuild[1].split(separator: ".", omittingEmptySubsequences: false)
            guard build.allSatisfy({ Self.isIdentifier($0) }) else { return nil }
        }
        self.major = major
        self.minor = minor
        self.patch = patch
        prerelease = identifiers
        description = text
    }

    package static func < (left: SemanticVersion, right: SemanticVersion) -> Bool {
        let numbers = [
            (left.major, right.major), (left.minor, right.minor), (left.patch, right.patch),
        ]
        for (a, b) in numbers where a != b { return a < b }
        // A release is above its own prereleases.
        if left.prerelease.isEmpty || right.prerelease.isEmpty {
            return !left.prerelease.isEmpty && right.prerelease.isEmpty
        }
        for (a, b) in zip(left.prerelease, right.prerelease) where a != b {
            switch (number(a[...]), number(b[...])) {
            case (let x?, let y?): return x < y
            case (_?, nil): return true
            case (nil, _?): return false
            case (nil, nil): return a < b
            }
        }
        return left.prerelease.count < right.prerelease.count
    }

    package static func == (left: SemanticVersion, right: SemanticVersion) -> Bool {
        (left.major, left.minor, left.patch) == (right.major, right.minor, right.patch)
            && left.prerelease == right.prerelease
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(major)
        hasher.combine(minor)
        hasher.combine(patch)
        hasher.combine(prerelease)
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            text.count == 1 || text.first != "0"
        else { return nil }
        return Int(text)
    }

    private static func isIdentifier(_ text: some StringProtocol) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0)
                    || (0x61...0x7A).contains($0) || $0 == 0x2D
            }
    }

    private static func isPrereleaseIdentifier(_ text: String) -> Bool {
        guard isIdentifier(text) else { return false }
        let isNumeric = text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        return !isNumeric || number(text[...]) != nil
    }
}
