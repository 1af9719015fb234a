import Foundation
import InferenceRuntime
import Testing

/// The golden models of single operators that scripts/models/make_operator_models.py makes.
struct OperatorGoldens: Decodable {
    struct Model: Decodable, Sendable, CustomTestStringConvertible {
        var name: String
        var operators: [String]
        var type: String
        var tolerance: String

        var testDescription: String { name }
    }

    /// How near an answer must come; see scripts/models/goldens.py.
    struct Tolerance: Decodable {
        var steps: Int
        var absolute: Double
        var relative: Double
        var ofLargest: Double
    }

    var tolerances: [String: Tolerance]
    var models: [Model]

    static let directory = Fixtures.directory.appendingPathComponent("operators")

    static let shared: OperatorGoldens = {
        let file = directory.appendingPathComponent("manifest.json")
        guard let data = try? Data(contentsOf: file),
            let manifest = try? JSONDecoder().decode(OperatorGoldens.self, from: data)
        else { return OperatorGoldens(tolerances: [:], models: []) }
        return manifest
    }()

    /// Those that run, and answer as LiteRT does.
    static let supported = shared.models.filter { missing[$0.name] == nil }

    /// The others, which are refused: model, and what is not here.
    static let unsupported = shared.models.filter { missing[$0.name] != nil }

    static let missing: [String: String] = [
        "batch_matmul/int16_second_constant": "int16 activations times int8 weights",
        "concatenation/uint8_other_scales":
            "inputs of another scale than the output's (LiteRT too refuses that in int8)",
        "sqrt/int16": "int16 activations",
    ]
}

/// Inputs and answers of one golden model, as scripts/models/goldens.py writes them.
struct GoldenVectors {
    struct Tensor: Equatable {
        var type: ElementType
        var shape: [Int]
        var byteCount: Int { shape.reduce(type.byteCount ?? 0, *) }
    }

    struct Malformed: Error {}

    /// The inputs' bytes, and the outputs' by our rule.
    struct Vector {
        var inputs: [[UInt8]]
        var outputs: [[UInt8]]
    }

    var inputs: [Tensor] = []
    var outputs: [Tensor] = []
    /// A fresh session begins before every vector whose index is a multiple of this.
    var steps = 1
    var vectors: [Vector] = []

    init(_ bytes: [UInt8]) throws {
        guard bytes.count >= 28, bytes.prefix(8).elementsEqual("EAGOLD01".utf8) else {
            throw Malformed()
        }
        var at = 8
        func word() throws -> Int {
            guard at + 4 <= bytes.count else { throw Malformed() }
            defer { at += 4 }
            return (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
        }
        let (inputCount, outputCount) = (try word(), try word())
        let count = try word()
        steps = try word()
        let answers = try word()
        let types: [ElementType] = [
            .float32, .int8, .uint8, .int16, .int32, .int64, .bool, .float16, .float64, .string,
        ]
        for place in 0..<inputCount + outputCount {
            let code = try word()
            let tensor = Tensor(
                type: types[code & 0xFF],
                shape: try (0..<(code >> 8 & 0xFF)).map { _ in try word() })
            if place < inputCount { inputs.append(tensor) } else { outputs.append(tensor) }
        }
        func take(_ tensor: Tensor) throws -> [UInt8] {
            if tensor.type == .string {
                // Each element: its length, then its bytes. Kept as they are.
                let start = at
                for _ in 0..<tensor.shape.reduce(1, *) { at += try word() }
                defer { at = start + (at - start + 3) & ~3 }
                guard at <= bytes.count else { throw Malformed() }
                return Array(bytes[start..<at])
            }
            guard at + tensor.byteCount <= bytes.count else { throw Malformed() }
            defer { at += (tensor.byteCount + 3) & ~3 }
            return Array(bytes[at..<at + tensor.byteCount])
        }
        for _ in 0..<count {
            let given = try inputs.map(take)
            let expected = try (0..<answers).map { _ in try outputs.map(take) }
            vectors.append(Vector(inputs: given, outputs: expected[0]))
        }
    }
}

extension OperatorGoldens.Tolerance {
    /// How many elements are outside, and the largest difference.
    func violations(
        _ actual: [UInt8], _ expected: [UInt8], _ type: ElementType
    ) -> (count: Int, worst: Double) {
        let a = Self.values(actual, type)
        let e = Self.values(expected, type)
        let largest = e.filter(\.isFinite).map(abs).max() ?? 0
        var result = (count: 0, worst: 0.0)
        for (a, e) in zip(a, e) where a != e && !(a.isNaN && e.isNaN) {
            let difference = abs(a - e)
            let allowed =
                type == .float32 || type == .float64
                ? absolute + relative * abs(e) + ofLargest * largest : Double(steps)
            if !(difference <= allowed) { result.count += 1 }
            result.worst = max(result.worst, difference.isNaN ? .infinity : difference)
        }
        return result
    }

    private static func values(_ bytes: [UInt8], _ type: ElementType) -> [Double] {
        bytes.withUnsafeBytes { raw in
            func all<T>(_ type: T.Type, _ convert: (T) -> Double) -> [Double] {
                let size = MemoryLayout<T>.size
                return (0..<raw.count / size).map {
                    convert(raw.loadUnaligned(fromByteOffset: $0 * size, as: T.self))
                }
            }
            return switch type {
            case .float32: all(Float.self) { Double($0) }
            case .float64: all(Double.self) { $0 }
            case .int8: all(Int8.self) { Double($0) }
            case .int16: all(Int16.self) { Double($0) }
            case .int32: all(Int32.self) { Double($0) }
            case .int64: all(Int64.self) { Double($0) }
            default: all(UInt8.self) { Double($0) }
            }
        }
    }
}
