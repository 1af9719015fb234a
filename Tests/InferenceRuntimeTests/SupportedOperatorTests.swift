import Foundation
import InferenceRuntime
import Testing

@Suite("The tables of operators")
struct SupportedOperatorTests {
    @Test("Every operator of TensorFlow Lite that the reader takes has a golden model")
    func tflite() {
        #expect(SupportedOperators.tflite.count >= 60)
        for row in SupportedOperators.tflite {
            #expect(!row.types.isEmpty, "\(row.name) has none")
        }
    }

    @Test("Every operator of ONNX that the reader takes has a golden model")
    func onnx() throws {
        let rows = try SupportedOperators.onnx()
        #expect(rows.count >= 80)
        for row in rows { #expect(!row.types.isEmpty, "\(row.name) has none") }
    }

    @Test("docs/models.md has the operators that there are")
    func operatorTables() throws {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("docs/models.md")
        let text = try String(contentsOf: url, encoding: .utf8)
        let start = try #require(text.range(of: "<!-- operators: made by a test -->\n"))
        let end = try #require(text.range(of: "<!-- end of operators -->"))
        let tables = try SupportedOperators.markdown()
        if ProcessInfo.processInfo.environment["EDGE_AGENT_UPDATE_DOCS"] != nil {
            let updated = text[..<start.upperBound] + tables + text[end.lowerBound...]
            try String(updated).write(to: url, atomically: true, encoding: .utf8)
        } else {
            #expect(
                String(text[start.upperBound..<end.lowerBound]) == tables,
                "EDGE_AGENT_UPDATE_DOCS=1 swift test --filter operatorTables writes them anew")
        }
    }
}
