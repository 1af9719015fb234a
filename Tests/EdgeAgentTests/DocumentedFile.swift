import Foundation
import TestSupport
import Testing

/// A page of the documentation, taken apart.
struct DocumentedFile: Sendable, CustomTestStringConvertible {
    /// A fenced block.
    struct Block: Sendable {
        /// Of the fence's first line, from 1.
        var line: Int
        /// The word after the fence.
        var language: String
        /// What an HTML comment right before the block says to the tests: `not run: needs root`.
        var directive: Directive
        var text: String
    }

    /// What is to be done with a block.
    enum Directive: Sendable, Equatable {
        case none
        /// `<!-- not run: reason -->`, for yaml `<!-- not checked: reason -->`
        case skipped(reason: String)
        /// `<!-- run until: text -->`: runs beside what follows in this file once it has said this.
        case background(until: String)
        /// `<!-- file: name -->`: the reader puts it into this file, and so does the test.
        case file(name: String)
    }

    let name: String
    let blocks: [Block]
    /// The lines outside of blocks, with their numbers.
    let prose: [(number: Int, text: String)]
    /// What is wrong with the page's form.
    let faults: [String]

    var testDescription: String { name }
    var url: URL { ConfigurationSample.repository.appendingPathComponent(name) }

    /// README.md, CONTRIBUTING.md and docs/*.md.
    static let all: [DocumentedFile] = {
        let directory = ConfigurationSample.repository.appendingPathComponent("docs").path
        let pages = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let names = pages.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
        return (["README.md", "CONTRIBUTING.md"] + names).compactMap { DocumentedFile($0) }
    }()

    init?(_ name: String) {
        let url = ConfigurationSample.repository.appendingPathComponent(name)
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return nil }
        self.init(name, text)
    }

    init(_ name: String, _ text: String) {
        self.name = name
        var blocks: [Block] = []
        var prose: [(number: Int, text: String)] = []
        var faults: [String] = []
        var open: (block: Block, indentation: Int, lines: [String])?
        var comment: String?
        var lastLine = ""
        for (index, line) in text.components(separatedBy: "\n").enumerated() {
            let trimmed = line.trimmingCharacters(in: .whitespaces)
            let indentation = line.prefix { $0 == " " }.count
            if var current = open {
                if trimmed == "```" {
                    current.block.text = current.lines.joined(separator: "\n") + "\n"
                    blocks.append(current.block)
                    open = nil
                } else {
                    current.lines.append(
                        String(line.dropFirst(min(indentation, current.indentation))))
                    open = current
                }
                continue
            }
            if trimmed.hasPrefix("```") {
                let language =
                    trimmed.dropFirst(3).split(separator: " ").first.map(String.init) ?? ""
                if language.isEmpty {
                    faults.append("\(name):\(index + 1): a block without a language")
                }
                let block = Block(
                    line: index + 1, language: language, directive: Self.directive(comment),
                    text: "")
                open = (block, indentation, [])
                comment = nil
                continue
            }
            if trimmed.hasPrefix("<!--"), trimmed.hasSuffix("-->") {
                comment = trimmed.dropFirst(4).dropLast(3).trimmingCharacters(in: .whitespaces)
            } else if !trimmed.isEmpty {
                comment = nil
            }
            // A command must not hide from the tests in a block that is only indented.
            if indentation >= 4, lastLine.isEmpty || lastLine.hasPrefix("#"), !trimmed.isEmpty,
                !trimmed.hasPrefix("-")
            {
                faults.append("\(name):\(index + 1): an indented block: fence it")
            }
            prose.append((index + 1, line))
            lastLine = trimmed
        }
        if let open { faults.append("\(name):\(open.block.line): the block has no end") }
        self.blocks = blocks
        self.prose = prose
        self.faults = faults
    }

    private static func directive(_ comment: String?) -> Directive {
        guard let comment, let colon = comment.range(of: ": ") else { return .none }
        let value = String(comment[colon.upperBound...])
        switch comment[..<colon.lowerBound] {
        case "not run", "not checked": return .skipped(reason: value)
        case "run until": return .background(until: value)
        case "file": return .file(name: value)
        case "code": return .skipped(reason: "scripts/models/check_documented_code.py runs it")
        default: return .none
        }
    }

    /// The anchors that a link may name, as GitHub makes them of headings.
    var anchors: Set<String> {
        Set(
            prose.compactMap { line in
                guard line.text.hasPrefix("#") else { return nil }
                let title = line.text.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces)
                return title.lowercased().filter {
                    $0.isLetter || $0.isNumber || " -_".contains($0)
                }
                .replacingOccurrences(of: " ", with: "-")
            })
    }

    /// Targets of links and pictures, with the line.
    var links: [(number: Int, target: String)] {
        prose.flatMap { line in
            line.text.components(separatedBy: "](").dropFirst().compactMap { rest in
                rest.firstIndex(of: ")").map { (line.number, String(rest[..<$0])) }
            }
        }
    }
}
