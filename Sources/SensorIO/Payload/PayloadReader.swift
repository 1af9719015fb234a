internal import CSimdjson

/// The values at paths compiled beforehand, read by simdjson; owner of its parser and buffers.
///
/// - Thread: one at a time.
@safe  // The handle is private, never nil after init, and freed once, in deinit.
struct PayloadReader: ~Copyable {
    private let handle: OpaquePointer
    let slotCount: Int

    /// What stands at one slot; texts are valid until the next document.
    @unsafe enum Value {
        case absent
        case null
        case number(Double, text: UnsafeRawBufferPointer)
        case hugeNumber(text: UnsafeRawBufferPointer)
        case string(UnsafeRawBufferPointer)
        case other
    }

    /// Compiles paths into slots 0, 1, …; no path at all makes slot 0 the document itself, a
    /// scalar.
    ///
    /// - Throws: `.outOfMemory`.
    init(
        paths: [PayloadPath], maximumBytes: Int, maximumDepth: Int, maximumSamples: Int
    ) throws(PayloadDescriptionError) {
        guard
            let handle = unsafe ejs_payload_create(maximumBytes, maximumDepth, maximumSamples)
        else { throw .outOfMemory }
        var status = EJS_OK
        if paths.isEmpty { status = unsafe ejs_payload_add_path(handle, "", nil, 0) }
        for path in paths where status == EJS_OK {
            let keys = path.components.flatMap { Array($0.utf8CString.dropLast()) }
            let lengths = path.components.map(\.utf8.count)
            status = unsafe ejs_payload_add_path(handle, keys, lengths, lengths.count)
        }
        if status == EJS_OK { status = unsafe ejs_payload_prepare(handle) }
        guard status == EJS_OK else {
            unsafe ejs_payload_destroy(handle)
            throw .outOfMemory
        }
        unsafe self.handle = unsafe handle
        slotCount = max(1, paths.count)
    }

    deinit {
        unsafe ejs_payload_destroy(handle)
    }

    /// Reads a document, all of it.
    ///
    /// - Returns: The number of samples, or why there are none.
    borrowing func read(_ bytes: UnsafeRawBufferPointer) -> Result {
        var samples = 0
        let status = unsafe ejs_payload_read(handle, bytes.baseAddress, bytes.count, &samples)
        switch status {
        case EJS_OK: return .samples(samples)
        case EJS_EMPTY: return .rejected(.empty)
        case EJS_TOO_LARGE: return .rejected(.tooLarge)
        case EJS_TOO_DEEP: return .rejected(.tooDeep)
        case EJS_NOT_UTF8: return .rejected(.notUTF8)
        case EJS_NOT_FINITE: return .rejected(.notFinite)
        case EJS_DUPLICATE_KEY: return .rejected(.duplicateKey)
        case EJS_TOO_MANY_SAMPLES: return .rejected(.tooManySamples)
        case EJS_WRONG_ROOT: return .rejected(.wrongType)
        case EJS_NO_MEMORY, EJS_INTERNAL: return .rejected(.internalError)
        default: return .rejected(.notJSON)
        }
    }

    enum Result {
        case samples(Int)
        case rejected(RejectionCause)
    }

    /// The value of a slot of the document that `read` read last; texts are valid until the next
    /// `read`.
    ///
    /// - Parameters:
    ///   - sample: Below the number that `read` returned.
    ///   - slot: Below `slotCount`.
    @inline(__always)
    borrowing func value(sample: Int, slot: Int) -> Value {
        let reading = unsafe ejs_payload_readings(handle)[sample * slotCount + slot]
        let text = unsafe UnsafeRawBufferPointer(start: reading.text, count: Int(reading.length))
        switch unsafe ejs_kind(reading.kind) {
        case EJS_NUMBER: return unsafe .number(reading.number, text: text)
        case EJS_NUMBER_HUGE: return unsafe .hugeNumber(text: text)
        case EJS_STRING: return unsafe .string(text)
        case EJS_NULL: return unsafe .null
        case EJS_OTHER: return unsafe .other
        default: return unsafe .absent
        }
    }

    /// A decimal number in plain text, with nothing around it.
    static func decimal(_ text: UnsafeRawBufferPointer) -> Decimal {
        var number = 0.0
        let start = unsafe text.baseAddress?.assumingMemoryBound(to: CChar.self)
        switch unsafe ejs_parse_decimal(start, text.count, &number) {
        case EJS_OK: return .number(number)
        case EJS_NOT_FINITE: return .notFinite
        default: return .notANumber
        }
    }

    enum Decimal {
        case number(Double)
        case notFinite
        case notANumber
    }
}
