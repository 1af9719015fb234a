import Foundation

/// ONNX Runtime's library, as pip puts it beside the Python that `EDGE_AGENT_PYTHON` names.
public enum ONNXRuntimeFile {
    public static let path: String? = {
        guard let python = ProcessInfo.processInfo.environment["EDGE_AGENT_PYTHON"] else {
            return nil
        }
        let environment = URL(fileURLWithPath: python).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("lib")
        let files = FileManager.default
        for version in (try? files.contentsOfDirectory(atPath: environment.path)) ?? [] {
            let directory = environment.appendingPathComponent(version)
                .appendingPathComponent("site-packages/onnxruntime/capi")
            let names = (try? files.contentsOfDirectory(atPath: directory.path)) ?? []
            if let name = names.first(where: { $0.hasPrefix("libonnxruntime.so") }) {
                return directory.appendingPathComponent(name).path
            }
        }
        return nil
    }()

    public static var isAvailable: Bool { path != nil }

    /// Why a test skips: `.enabled(if: ONNXRuntimeFile.isAvailable, ONNXRuntimeFile.skipReason)`.
    public static let skipReason = "EDGE_AGENT_PYTHON names no Python with onnxruntime"
}
