/// What SQLite could not do: the operation, its extended result code and its own text.
package struct SQLiteError: Error, Sendable, Equatable {
    /// What a caller can do about an error.
    package enum Kind: Sendable, Equatable {
        /// No room on the disk, or the database's own bound reached.
        case full
        /// The disk failed to read, write or synchronise.
        case inputOutput
        /// The file or its file system may not be written.
        case readOnly
        /// The file is no database, or a damaged one.
        case corrupt
        /// The file cannot be opened.
        case cannotOpen
        /// Another process holds it.
        case busy
        /// Memory ran out.
        case memory
        /// The caller or the schema is wrong.
        case other
    }

    /// The call that failed.
    package let operation: String
    /// SQLite's extended result code.
    package let code: Int32
    /// The text that SQLite gives for it.
    package let text: String

    package init(operation: String, code: Int32, text: String) {
        self.operation = operation
        self.code = code
        self.text = text
    }

    package var kind: Kind {
        // Source: sqlite3.h 3.40, "Result Codes"; the low byte of an extended code is the primary one.
        switch code & 0xFF {
        case 13: .full
        case 10: .inputOutput
        case 8, 3: .readOnly
        case 11, 26: .corrupt
        case 14: .cannotOpen
        case 5, 6: .busy
        case 7: .memory
        default: .other
        }
    }

    /// Whether an error while opening says that the file is damaged: a damaged schema shows as SQL that
    /// does not compile.
    package var isDamageAtOpening: Bool { kind == .corrupt || code & 0xFF == 1 }

    /// Whether trying again later, unchanged, may work.
    package var isTransient: Bool {
        switch kind {
        case .full, .inputOutput, .readOnly, .cannotOpen, .busy, .memory: true
        case .corrupt, .other: false
        }
    }

    /// Whether a write to the disk was not confirmed: what was written through this handle is in doubt.
    package var isSynchronisationFailure: Bool {
        // SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC
        code == 10 | (4 << 8) || code == 10 | (5 << 8)
    }
}

extension SQLiteError: CustomStringConvertible {
    package var description: String { "\(operation): \(text) (SQLite \(code))" }
}
