import Foundation
import Testing

/// The small models of the Fixtures folder, made by scripts/models/make-fixtures.py.
enum Fixtures {
    static let directory: URL = {
        let bundled = Bundle.module.resourceURL?.appendingPathComponent("Fixtures")
        return bundled ?? URL(fileURLWithPath: "Fixtures")
    }()

    /// Names of all models, sorted.
    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        return files.filter { $0.hasSuffix(".tflite") }.map { String($0.dropLast(7)) }.sorted()
    }()

    /// Those that compute in float32.
    static let realNames =
        names.filter { $0.hasPrefix("float-") && $0 != "float-edges" }
        + names.filter { $0.hasPrefix("hybrid-") }

    static let quantizedNames = names.filter { !realNames.contains($0) }

    static func bytes(_ name: String, _ suffix: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: directory.appendingPathComponent("\(name).\(suffix)")))
    }
}
