import Foundation

/// The reference models that no one here wrote, with what LiteRT answers on them. They are too
/// large for the repository; tests that need them skip without them.
enum SharedModels {
    static let directory: URL = {
        if let path = ProcessInfo.processInfo.environment["EDGE_AGENT_SHARED"] {
            return URL(fileURLWithPath: path).appendingPathComponent("models")
        }
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return root.deletingLastPathComponent().appendingPathComponent("shared/models")
    }()

    static var areAvailable: Bool {
        FileManager.default.fileExists(atPath: directory.appendingPathComponent("golden").path)
    }

    static let absence = "the reference models (../shared/models) are not on this machine"

    static let int8Models = [
        "ad01_int8", "kws_ref_model", "str_ww_ref_model", "vww_96_int8", "pretrainedResnet_quant",
        "pretrainedResnet_large_int8",
    ]

    static func path(_ name: String) -> String {
        directory.appendingPathComponent(name + ".tflite").path
    }

    static func golden(_ name: String, _ part: String) throws -> Data {
        try Data(contentsOf: directory.appendingPathComponent("golden/\(name).\(part).int8"))
    }
}
