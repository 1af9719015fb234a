import Foundation
import InferenceRuntime
import Testing

/// Each limit refuses with its own error.
@Suite("Model limits")
struct ModelLimitsTests {
    private func error(_ change: (inout ModelLimits) -> Void) throws -> ModelError? {
        var limits = ModelLimits()
        change(&limits)
        let bytes = try Fixtures.bytes("small-network", "tflite")
        do throws(ModelError) { _ = try ModelPlan.make(bytes, limits: limits) } catch {
            return error
        }
        return nil
    }

    @Test("The model loads within the default limits")
    func defaults() throws {
        #expect(try error { _ in } == nil)
    }

    @Test("Limits on the file")
    func file() throws {
        let size = try Fixtures.bytes("small-network", "tflite").count
        #expect(
            try error { $0.fileBytes = size - 1 } == .fileTooLarge(bytes: size, limit: size - 1))
    }

    @Test("Limits on counts")
    func counts() throws {
        guard case .tooManyTensors(_, limit: 3) = try error({ $0.tensors = 3 }) else {
            Issue.record("tensors are not limited")
            return
        }
        guard case .tooManyOperators(_, limit: 2) = try error({ $0.operators = 2 }) else {
            Issue.record("operators are not limited")
            return
        }
        guard case .tooManyOperands(_, limit: 2, position: 0) = try error({ $0.operands = 2 })
        else {
            Issue.record("operands are not limited")
            return
        }
        guard
            case .tooManyQuantizationParameters(_, limit: 9) =
                try error({ $0.quantizationParameters = 9 })
        else {
            Issue.record("quantization parameters are not limited")
            return
        }
    }

    @Test("Limits on sizes")
    func sizes() throws {
        #expect(
            try error { $0.rank = 3 } == .rankTooLarge(tensor: "reshape", rank: 4, limit: 3))
        #expect(
            try error { $0.tensorBytes = 100 } == .tensorTooLarge(tensor: "input", limitBytes: 100))
        guard case .arenaTooLarge(_, limit: 256) = try error({ $0.arenaBytes = 256 }) else {
            Issue.record("the arena is not limited")
            return
        }
        guard case .weightsTooLarge(_, limit: 64) = try error({ $0.weightBytes = 64 }) else {
            Issue.record("weights are not limited")
            return
        }
        guard case .tooMuchWork(_, limit: 1_000) = try error({ $0.multiplyAdds = 1_000 }) else {
            Issue.record("work is not limited")
            return
        }
    }
}
