internal import Glibc

/// Why a file of samples cannot be used; every message starts with file, line and column.
package enum SampleTableError: Error, CustomStringConvertible {
    case unreadable(path: String, errorNumber: Int32)
    case tooLarge(path: String, maximumBytes: Int)
    case notUTF8(path: String)
    case empty(path: String)
    case missingColumn(path: String, channel: String, found: [String])
    case wrongFieldCount(path: String, line: Int, expected: Int, actual: Int)
    case notANumber(path: String, line: Int, column: String, text: String)
    case tooFewRows(path: String, needed: Int, actual: Int)

    package var description: String {
        switch self {
        case .unreadable(let path, let number):
            unsafe "\(path): cannot be read: \(String(cString: strerror(number)))"
        case .tooLarge(let path, let maximum): "\(path): larger than \(maximum) bytes"
        case .notUTF8(let path): "\(path): not UTF-8"
        case .empty(let path): "\(path): has no header line with the channels' names"
        case .missingColumn(let path, let channel, let found):
            "\(path):1: no column '\(channel)'; there are: \(found.joined(separator: ", "))"
        case .wrongFieldCount(let path, let line, let expected, let actual):
            "\(path):\(line): \(actual) fields, the header has \(expected)"
        case .notANumber(let path, let line, let column, let text):
            "\(path):\(line): \(column): '\(text)' is not a finite number"
        case .tooFewRows(let path, let needed, let actual):
            "\(path): \(actual) rows, at least \(needed) in a row are needed for one window"
        }
    }
}

/// Recorded samples: one row a line, the columns named by a header line.
///
/// Columns are separated by `,`, `;` or a tab, whichever the header has; other columns than the
/// channels' are skipped. A column `asset`, if there is one, says whose row it is: rows of several assets may
/// alternate. An empty line ends the series of all.
package struct SampleTable {
    /// - Shape: series, each [time, channel], row-major.
    package private(set) var series: [[Float]] = []
    package let channelCount: Int

    private static let maximumBytes = 1 << 30

    /// Reads a file. Blocks on the disk.
    ///
    /// - Parameter channels: the columns to take, in the order of a row.
    package init(path: String, channels: [String]) throws(SampleTableError) {
        channelCount = channels.count
        let text = try Self.read(path)
        // By bytes: a Character would be the pair of carriage return and line feed.
        var lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
            .map { Substring($0) }[...]
        guard let header = lines.popFirst(), !header.isEmpty else { throw .empty(path: path) }
        let separator: Character = [";", "\t"].first { header.contains($0) } ?? ","
        let names = Self.fields(header, separator)
        var columns: [Int] = []
        for channel in channels {
            guard let index = names.firstIndex(of: channel) else {
                throw .missingColumn(path: path, channel: channel, found: names)
            }
            columns.append(index)
        }
        let assetColumn = channels.contains("asset") ? nil : names.firstIndex(of: "asset")
        var assets: [String] = []
        var current: [String: [Float]] = [:]
        for (index, line) in lines.enumerated() {
            let fields = Self.fields(line, separator)
            if fields == [""] {
                finish(assets, &current)
                assets = []
                continue
            }
            guard fields.count == names.count else {
                throw .wrongFieldCount(
                    path: path, line: index + 2, expected: names.count, actual: fields.count)
            }
            let asset = assetColumn.map { fields[$0] } ?? ""
            if current[asset] == nil {
                assets.append(asset)
                current[asset] = []
            }
            for column in columns {
                guard let value = Float(fields[column]), value.isFinite else {
                    throw .notANumber(
                        path: path, line: index + 2, column: names[column], text: fields[column])
                }
                current[asset]?.append(value)
            }
        }
        finish(assets, &current)
    }

    /// Keeps the series in the order in which their assets appeared.
    private mutating func finish(_ assets: [String], _ current: inout [String: [Float]]) {
        for asset in assets { series.append(current[asset] ?? []) }
        current = [:]
    }

    private static func fields(_ line: Substring, _ separator: Character) -> [String] {
        let line = line.utf8.last == 0x0D ? line.dropLast() : line
        return line.split(separator: separator, omittingEmptySubsequences: false).map { field in
            var field = field
            while field.first == " " { field = field.dropFirst() }
            while field.last == " " { field = field.dropLast() }
            if field.count >= 2, field.first == "\"", field.last == "\"" {
                field = field.dropFirst().dropLast()
            }
            return String(field)
        }
    }

    private static func read(_ path: String) throws(SampleTableError) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(path: path, errorNumber: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw .unreadable(path: path, errorNumber: errno)
            }
            if count == 0 { break }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= maximumBytes else {
                throw .tooLarge(path: path, maximumBytes: maximumBytes)
            }
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .notUTF8(path: path)
        }
        return text
    }
}
