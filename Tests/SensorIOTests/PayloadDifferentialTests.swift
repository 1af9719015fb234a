import Foundation
import SensorIO
import TestSupport
import Testing

/// The decoder against Foundation's JSON reader: same documents taken and refused, same values.
@Suite("Payload decoder and Foundation")
struct PayloadDifferentialTests {
    private static let paths = ["a", "b.c", "b.d.0", "list.2", "key0"]

    @Test("agree on generated payloads", arguments: 1...8 as ClosedRange<UInt64>)
    func agree(seed: UInt64) throws {
        var corpus = JSONCorpus(seed: seed &+ 77)
        let decoder = try PayloadDecoder(
            PayloadDescription(
                channels: .fields(
                    try Self.paths.map { PayloadField(channel: $0, path: try PayloadPath($0)) }),
                acceptsPartialRows: true),
            channels: Self.paths.map { ChannelDescription(name: $0) })
        for round in 0..<1000 {
            var bytes = Array(payload(&corpus).utf8)
            if round % 2 == 0 { bytes = corpus.injured(String(decoding: bytes, as: UTF8.self)) }
            let label: Comment = "seed \(seed): \(String(decoding: bytes, as: UTF8.self))"
            let reference = try? JSONSerialization.jsonObject(
                with: Data(bytes), options: .fragmentsAllowed)
            switch decoder.decode(bytes) {
            case .samples:
                if reference == nil {
                    // JSON has no bound for numbers; Foundation refuses what no double holds, also
                    // where nobody asks for it.
                    #expect(throws: JSONError.self, label) { try JSONValue(parsing: bytes) }
                    continue
                }
                #expect(reference is [String: Any], label)
                guard let object = reference as? [String: Any] else { continue }
                compare(decoder, object, label)
            case .rejected(.wrongType):
                #expect(reference != nil && !(reference is [String: Any]), label)
            case .rejected(let cause)
            where [.notJSON, .notUTF8, .empty, .notFinite].contains(cause):
                #expect(
                    reference == nil || JSONCorpus.mayHaveTrailingComma(bytes), "\(cause): \(label)"
                )
            case .rejected(.duplicateKey), .rejected(.tooDeep): break
            case .rejected(let cause): Issue.record("\(cause): \(label)")
            }
        }
    }

    private func payload(_ corpus: inout JSONCorpus) -> String {
        """
        {"a": \(corpus.number()), "x": \(corpus.document(depth: 2)), "b": {"c":\(corpus.document(depth: 0)),
         "d":[\(corpus.number()),2]}, "list": [1, \(corpus.document(depth: 1)), \(corpus.number())], "key0":null}
        """
    }

    private func compare(_ decoder: PayloadDecoder, _ object: [String: Any], _ label: Comment) {
        let outcome = decoder.sample(0)
        var hasNumber = false
        for (index, path) in Self.paths.enumerated() {
            var value: Any? = object
            for component in path.split(separator: ".") {
                if let members = value as? [String: Any] {
                    value = members[String(component)]
                } else if let elements = value as? [Any], let place = Int(component) {
                    value = place < elements.count ? elements[place] : nil
                } else {
                    value = nil
                }
            }
            guard let value, !(value is NSNull) else { continue }
            // Foundation calls true and false numbers too; the first wrong type ends the
            // comparison.
            guard let number = value as? NSNumber, isNumber(number) else {
                #expect(outcome == .rejected(.wrongType), label)
                return
            }
            hasNumber = true
            let expected = Float(number.doubleValue)
            guard expected.isFinite else {
                #expect(outcome == .rejected(.notFinite), label)
                return
            }
            #expect(abs(decoder.row[index] - expected) <= expected.ulp, label)
        }
        #expect(
            outcome == (hasNumber ? .sample(timeNanoseconds: 5_000) : .rejected(.missingChannel)),
            label)
    }

    private func isNumber(_ number: NSNumber) -> Bool {
        // swift-corelibs-foundation makes booleans with the type encoding "c".
        String(cString: number.objCType) != "c"
    }
}
