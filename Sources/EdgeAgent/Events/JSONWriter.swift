/// What came of a document.
package enum JSONWriteResult: Equatable, Sendable {
    /// The document is whole and `byteCount` bytes long.
    case complete(byteCount: Int)
    /// The buffer is too small; `requiredBytes` would have held the document.
    case overflow(requiredBytes: Int)
}

/// Writes one JSON document (RFC 8259, UTF-8) into a buffer, without reflection and, over a fixed
/// buffer, without allocation.
///
/// A document that does not fit is never cut in silence: the writer goes on counting, and
/// `finish()` says how many bytes it wanted. Containers and values are the caller's duty to
/// balance; a wrong order is a programmer's error.
///
/// - Thread: any one thread at a time.
@safe  // `base` has `capacity` bytes; append(_:) alone writes, after reserve(_:) has checked.
package struct JSONWriter: ~Copyable {
    /// How the document is laid out.
    package enum Layout: Sendable { case compact, indented }

    /// The deepest nesting of containers.
    package static let maximumDepth = 64

    private(set) var base: UnsafeMutableRawPointer
    private var capacity: Int
    private let limitBytes: Int
    private let ownsStorage: Bool
    private let layout: Layout
    /// Bytes wanted so far; beyond `capacity` once the document has overflowed.
    package private(set) var position = 0
    private var depth = 0
    private var arrays: UInt64 = 0
    private var needsComma = false
    private var followsKey = false

    /// Makes a writer over a buffer of the caller's, which must outlive it.
    package init(over buffer: UnsafeMutableRawBufferPointer) {
        precondition(unsafe !buffer.isEmpty, "A JSON writer needs room.")
        unsafe base = buffer.baseAddress.unsafelyUnwrapped  // Not empty: checked above.
        capacity = buffer.count
        limitBytes = buffer.count
        ownsStorage = false
        layout = .compact
    }

    /// Makes a writer with a buffer of its own, of fixed size: the one allocation it makes.
    package init(capacityBytes: Int) {
        self.init(capacityBytes: capacityBytes, limitBytes: capacityBytes, layout: .compact)
    }

    /// Makes a writer whose buffer grows up to `limitBytes`: for the control plane.
    package init(growingTo limitBytes: Int, layout: Layout = .compact) {
        self.init(capacityBytes: min(512, limitBytes), limitBytes: limitBytes, layout: layout)
    }

    private init(capacityBytes: Int, limitBytes: Int, layout: Layout) {
        precondition(capacityBytes > 0, "A JSON writer needs room.")
        unsafe base = .allocate(byteCount: capacityBytes, alignment: 16)
        capacity = capacityBytes
        self.limitBytes = limitBytes
        ownsStorage = true
        self.layout = layout
    }

    deinit {
        if ownsStorage { unsafe base.deallocate() }
    }

    /// Starts a new document in the same buffer.
    package mutating func reset() {
        position = 0
        depth = 0
        arrays = 0
        needsComma = false
        followsKey = false
    }

    /// Ends the document.
    ///
    /// - Returns: its length, or how many bytes it would have needed.
    package mutating func finish() -> JSONWriteResult {
        precondition(depth == 0 && !followsKey, "A JSON document ended inside a container.")
        return position <= capacity
            ? .complete(byteCount: position) : .overflow(requiredBytes: position)
    }

    /// Lends the bytes written so far (none after an overflow) to `body`.
    package func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let count = position <= capacity ? position : 0
        return try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Copies the bytes written so far (none after an overflow). Allocates.
    package func copyBytes() -> [UInt8] {
        unsafe withBytes { unsafe [UInt8]($0) }
    }

    // MARK: Containers

    /// Opens an object.
    package mutating func beginObject() { begin(0x7B, isArray: false) }
    /// Closes the innermost container, an object.
    package mutating func endObject() { end(0x7D, isArray: false) }
    /// Opens an array.
    package mutating func beginArray() { begin(0x5B, isArray: true) }
    /// Closes the innermost container, an array.
    package mutating func endArray() { end(0x5D, isArray: true) }

    private mutating func begin(_ byte: UInt8, isArray: Bool) {
        precondition(depth < Self.maximumDepth, "A JSON document is nested too deeply.")
        separate()
        append(byte)
        let bit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: depth)
        arrays = isArray ? arrays | bit : arrays & ~bit
        depth &+= 1
        needsComma = false
    }

    private mutating func end(_ byte: UInt8, isArray: Bool) {
        precondition(depth > 0 && !followsKey, "A JSON container ended that is not open.")
        depth &-= 1
        let wasArray = arrays &>> UInt64(truncatingIfNeeded: depth) & 1 != 0
        precondition(isArray == wasArray, "A JSON container ended as the other kind.")
        if needsComma { breakLine() }
        append(byte)
        needsComma = true
    }

    // MARK: Keys, and values of any kind

    /// Writes a member's name, which needs no escaping (ASCII without quote and backslash).
    package mutating func key(_ name: StaticString) {
        beginKey()
        append(0x22)
        unsafe append(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        append(0x22)
        endKey()
    }

    /// Writes a member's name from any text.
    package mutating func key(_ name: String) {
        beginKey()
        quote(name)
        endKey()
    }

    private mutating func beginKey() {
        precondition(
            depth > 0 && !followsKey && arrays &>> UInt64(truncatingIfNeeded: depth &- 1) & 1 == 0,
            "A JSON name stands only in an object.")
        separate()
    }

    private mutating func endKey() {
        append(0x3A)
        if layout == .indented { append(0x20) }
        followsKey = true
    }

    /// Writes bytes that are themselves one whole JSON value, made by a writer like this one.
    package mutating func fragment(_ bytes: UnsafeRawBufferPointer) {
        separate()
        unsafe append(bytes)
        needsComma = true
    }

    /// Writes bytes that are themselves one whole JSON value, made by a writer like this one.
    package mutating func fragment(_ bytes: [UInt8]) { fragment(bytes, 0..<bytes.count) }

    /// Writes a range of bytes that is itself one whole JSON value.
    mutating func fragment(_ bytes: [UInt8], _ range: Range<Int>) {
        separate()
        append(bytes, range)
        needsComma = true
    }

    /// Writes `true` or `false`.
    package mutating func boolean(_ value: Bool) { literal(value ? "true" : "false") }

    /// Writes `null`.
    package mutating func null() { literal("null") }

    private mutating func literal(_ text: StaticString) {
        separate()
        unsafe append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        needsComma = true
    }

    /// Opens a string of which `bytes` are the quote and the escaped start.
    mutating func openString(_ bytes: [UInt8]) {
        separate()
        append(bytes, 0..<bytes.count)
    }

    /// Marks that a value has been written.
    mutating func endValue() { needsComma = true }

    /// Writes what stands between the value before and the one that follows.
    mutating func separate() {
        if followsKey {
            followsKey = false
            needsComma = false
            return
        }
        if needsComma { append(0x2C) }
        if depth > 0 { breakLine() }
        needsComma = false
    }

    private mutating func breakLine() {
        guard layout == .indented else { return }
        append(0x0A)
        for _ in 0..<(2 &* depth) { append(0x20) }
    }

    // MARK: Bytes

    /// Appends one byte as it is.
    @inline(__always)
    mutating func append(_ byte: UInt8) {
        if reserve(1) { unsafe base.storeBytes(of: byte, toByteOffset: position, as: UInt8.self) }
        position &+= 1
    }

    /// Appends bytes as they are.
    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        if reserve(bytes.count) {
            unsafe (base + position).copyMemory(from: start, byteCount: bytes.count)
        }
        position &+= bytes.count
    }

    private mutating func append(_ bytes: [UInt8], _ range: Range<Int>) {
        unsafe bytes.withUnsafeBytes { all in
            unsafe append(UnsafeRawBufferPointer(rebasing: all[range]))
        }
    }

    /// Makes sure that `count` more bytes fit; false after an overflow.
    @inline(__always)
    mutating func reserve(_ count: Int) -> Bool {
        // Both are below 2^47: lengths of memory that exists. After an overflow `position` is
        // beyond `capacity` and stays there, so nothing is ever written behind a gap.
        position &+ count <= capacity || grow(count)
    }

    /// Counts bytes that the caller has written into what `reserve(_:)` gave.
    @inline(__always)
    mutating func advance(_ count: Int) { position &+= count }

    @inline(never)
    private mutating func grow(_ count: Int) -> Bool {
        let required = position &+ count
        guard position <= capacity, required <= limitBytes else { return false }
        let larger = min(limitBytes, max(required, capacity &* 2))
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        unsafe moved.copyMemory(from: base, byteCount: position)
        unsafe base.deallocate()
        unsafe base = moved
        capacity = larger
        return true
    }
}
