import Foundation
import Testing

/// The NEON kernels, which no x86 test reaches.
@Suite("ARM kernels")
struct ARM64KernelTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func has(_ program: String) -> Bool {
        ["/usr/bin/", "/usr/local/bin/"].contains {
            FileManager.default.isExecutableFile(atPath: $0 + program)
        }
    }

    static let canRun =
        has("aarch64-linux-gnu-gcc") && (has("qemu-aarch64-static") || has("qemu-aarch64"))

    @Test(
        "NEON kernels give the same bytes as the scalar ones under an emulator",
        .enabled(
            if: canRun,
            "needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user-static"))
    func neonEqualsScalar() throws {
        let process = Process()
        let output = Pipe()
        process.executableURL = Self.root.appendingPathComponent("scripts/check-arm64-kernels")
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text)")
        #expect(text.contains("neon-dotprod: 2000 layers equal"), "\(text)")
    }
}
