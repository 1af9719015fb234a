/// A few bytes that a producer wants back after a restart, such as how an alarm stands: the last ones
/// given for a key count, none (empty bytes) forget the key.
package struct OutboxKept: Sendable, Equatable {
    /// The name of the producer's lane.
    package var scope: String
    /// Unique within the scope.
    package var key: [UInt8]
    package var bytes: [UInt8]

    package init(scope: String, key: [UInt8], bytes: [UInt8]) {
        self.scope = scope
        self.key = key
        self.bytes = bytes
    }

    /// The longest key, and the most bytes.
    package static let maximumKeyBytes = 512
    package static let maximumBytes = 4096

    /// The number of its row: a hash, so that a row needs no index beside it.
    var rowNumber: Int64 {
        var sum = Self.hash(Array(scope.utf8))
        OutboxHash.mix(&sum, Self.hash(key))
        return Int64(bitPattern: sum & (UInt64(1) << 63 - 1))
    }

    /// A sum over all of it, to find damage that SQLite does not.
    var checksum: Int64 {
        var sum = UInt64(bitPattern: rowNumber)
        OutboxHash.mix(&sum, Self.hash(bytes))
        return Int64(bitPattern: sum)
    }

    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe OutboxHash.hash($0) }
    }
}
