import Foundation
import InferenceRuntime
import Testing

/// The golden ONNX models that scripts/models/make_onnx_models.py makes.
struct ONNXGoldens: Decodable {
    struct Model: Decodable, Sendable, CustomTestStringConvertible {
        var name: String
        var operators: [String]
        var type: String
        var inputs: [String]
        var tolerance: String

        var testDescription: String { name }

        func bytes(_ suffix: String) throws -> [UInt8] {
            [UInt8](
                try Data(
                    contentsOf: ONNXGoldens.directory.appendingPathComponent("\(name).\(suffix)")))
        }
    }

    var tolerances: [String: OperatorGoldens.Tolerance]
    var models: [Model]

    static let directory = Fixtures.directory.appendingPathComponent("onnx")

    static let shared: ONNXGoldens = {
        let file = directory.appendingPathComponent("manifest.json")
        guard let data = try? Data(contentsOf: file),
            let manifest = try? JSONDecoder().decode(ONNXGoldens.self, from: data)
        else { return ONNXGoldens(tolerances: [:], models: []) }
        return manifest
    }()

    static func models(_ types: String...) -> [Model] {
        shared.models.filter { types.contains($0.type) && missing[$0.name] == nil }
    }
}
