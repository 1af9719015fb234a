import Foundation
import TestSupport

/// A headless Chromium with one page, driven through scripts/tests/browse.py.
final class TestBrowser {
    /// Whether there is a Chromium and a Python to drive it.
    static var isAvailable: Bool {
        ["chromium", "chromium-browser", "google-chrome"].contains {
            Executables.system($0) != nil
        } && Executables.system("python3") != nil
    }

    private let process: ChildProcess
    private var answers = 0

    init() throws {
        guard let python = Executables.system("python3") else { throw TestFailure("no python3") }
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../scripts/tests/browse.py").standardizedFileURL.path
        process = try ChildProcess(python, [script])
    }

    /// Ends the browser in order: its standard input ends.
    deinit {
        process.closeInput()
        _ = try? process.waitForExit()
    }

    func open(_ address: String) throws { try obey("open", address) }
    func size(_ width: Int, _ height: Int) throws { try obey("size", [width, height]) }
    /// Waits until a JavaScript expression is true.
    func wait(for expression: String) throws { try obey("wait", expression) }
    /// The value of a JavaScript expression as text.
    func text(_ expression: String) throws -> String {
        try obey("value", "String(\(expression))") as? String ?? ""
    }
    /// What the page has written to its console as errors.
    func complaints() throws -> [String] { try obey("complaints", true) as? [String] ?? [] }

    @discardableResult
    private func obey(_ verb: String, _ value: Any) throws -> Any? {
        let line = try JSONSerialization.data(withJSONObject: [verb: value])
        try process.write(Array(line) + [0x0A])
        answers += 1
        try process.output.wait(for: "the browser's answer to \(verb) \(value)", within: 40) {
            [answers] in $0.count >= answers
        }
        let answer =
            try JSONSerialization.jsonObject(with: Data(process.output.all[answers - 1].utf8))
            as? [String: Any]
        if let error = answer?["error"] as? String { throw TestFailure(error) }
        return answer?["value"]
    }
}
