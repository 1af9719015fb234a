internal import SensorIO

/// `golden.jsonl`: inputs with the outputs they must give, one JSON object a line.
///
/// `{"input": [...], "output": [...], "tolerance": 1e-5}`: the tensors' elements as stored, integers
/// for quantized tensors; a tolerance only for float outputs.
package struct BundleGolden: Sendable, Equatable {
    /// One line.
    package struct Vector: Sendable, Equatable {
        package var input: [Double]
        package var output: [Double]
        package var tolerance: Double

        package init(input: [Double], output: [Double], tolerance: Double = 0) {
            self.input = input
            self.output = output
            self.tolerance = tolerance
        }
    }

    static let maximumVectors = 1024
    package var vectors: [Vector]

    package init(vectors: [Vector]) { self.vectors = vectors }

    /// Reads the file's bytes.
    ///
    /// - Throws: `BundleError.json` with the line; `.missingFile` when there is no vector at all.
    package init(parsing bytes: [UInt8], path: String) throws(BundleError) {
        vectors = []
        var line = 0
        for text in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            line += 1
            if text.allSatisfy({ $0 == 0x20 || $0 == 0x0D }) { continue }
            do throws(JSONError) {
                vectors.append(
                    try Self.vector(
                        JSONNode(
                            JSONValue(
                                parsing: Array(text),
                                limits: JSONValue.Limits(maximumBytes: 64 << 20, maximumDepth: 4))))
                )
            } catch {
                throw .json(path: path, line: line, error)
            }
            guard vectors.count <= Self.maximumVectors else {
                throw .tooLarge(path: path, bytes: bytes.count, maximum: Self.maximumVectors)
            }
        }
        guard !vectors.isEmpty else { throw .missingFile(path: "\(path): a golden vector") }
    }

    private static func vector(_ node: JSONNode) throws(JSONError) -> Vector {
        try node.requireKeys(among: ["input", "output", "tolerance"])
        let tolerance = try node.optional("tolerance").map { node throws(JSONError) in
            let value = try node.number()
            guard value >= 0 else { throw node.invalid("not be negative") }
            return value
        }
        return Vector(
            input: try node.required("input").numbers(),
            output: try node.required("output").numbers(), tolerance: tolerance ?? 0)
    }

    /// The file's bytes.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        for vector in vectors {
            var json = JSONWriter(growingTo: 64 << 20)
            json.beginObject()
            json.member("input", vector.input)
            json.member("output", vector.output)
            if vector.tolerance > 0 {
                json.member("tolerance", vector.tolerance)
            }
            json.endObject()
            _ = json.finish()
            bytes += json.copyBytes()
            bytes.append(0x0A)
        }
        return bytes
    }
}
