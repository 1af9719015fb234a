import Foundation
import TestSupport
import Testing

@Suite("docs/troubleshooting.md")
struct TroubleshootingTests {
    /// The sources as one text, in which a literal that is written over several lines or with `+` is one.
    private static let sources: String = {
        let root = ConfigurationSample.repository.appendingPathComponent("Sources")
        let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
        var text = ""
        while let url = files?.nextObject() as? URL {
            guard url.pathExtension == "swift" else { continue }
            text += (try? String(contentsOf: url, encoding: .utf8)) ?? ""
        }
        return text.replacing(/"\s*\+\s*"/, with: "").replacing(/\\\n\s*/, with: "")
    }()

    /// What stands in backquotes in the first column of the tables.
    private static let messages: [String] = {
        let page = DocumentedFile("docs/troubleshooting.md")
        return page?.prose.map(\.text).filter { $0.hasPrefix("| `") }.compactMap { row in
            row.split(separator: "|").first?.trimmingCharacters(in: .whitespaces)
                .trimmingCharacters(in: ["`"])
        } ?? []
    }()

    /// The fixed pieces of a message; `…` stands for what differs.
    private static func pieces(_ message: String) -> [String] {
        message.components(separatedBy: "…").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { $0.count > 2 }
    }

    @Test("quotes no message that the program does not have", arguments: messages)
    func quoted(message: String) {
        let pieces = Self.pieces(message)
        #expect(!pieces.isEmpty)
        for piece in pieces {
            // Not in the expectation itself, which would print all sources.
            let isThere = Self.sources.contains(piece)
            #expect(isThere, "\(piece)")
        }
    }

    @Test("has a way out for many messages, and the comparison notices a wrong one")
    func comparison() {
        #expect(Self.messages.count >= 30)
        #expect(!Self.sources.contains("the broker grants a higher QoS"))
    }
}
