import InferenceRuntime

/// What a run of the fuzzer feeds its bytes to.
enum FuzzTarget: String, CaseIterable {
    case tflite, onnx

    /// Set once, before the first input.
    nonisolated(unsafe) static var selected = FuzzTarget.tflite

    /// - Returns: whether the input belongs to this target; one that does not is not kept.
    func feed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let isTFLite = bytes.count >= 8 && bytes[4..<8].elementsEqual("TFL3".utf8)
        guard isTFLite == (self == .tflite) else { return false }
        runModel(bytes)
        return true
    }
}

/// Loads, prepares and runs a model twice, within bounds that keep one input below a second.
private func runModel(_ bytes: UnsafeRawBufferPointer) {
    var limits = ModelLimits()
    limits.tensorBytes = 1 << 20
    limits.arenaBytes = 4 << 20
    limits.weightBytes = 4 << 20
    limits.multiplyAdds = 1_000_000
    do throws(ModelError) {
        let plan = try ModelPlan(bytes: bytes, limits: limits)
        var session = try InferenceSession(plan: plan)
        session.invoke()
        session.reset()
        session.invoke()
    } catch {
        // A message is part of the contract, for hostile names too.
        precondition(!error.description.isEmpty, "an error says what is wrong")
    }
}

@_cdecl("fuzz_select")
public func fuzzSelect(_ name: UnsafePointer<CChar>) -> CInt {
    guard let target = FuzzTarget(rawValue: String(cString: name)) else {
        print("FUZZ_TARGET has to be one of \(FuzzTarget.allCases.map(\.rawValue))")
        return 0
    }
    FuzzTarget.selected = target
    return 1
}

@_cdecl("fuzz_one")
public func fuzzOne(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    FuzzTarget.selected.feed(UnsafeRawBufferPointer(start: bytes, count: count)) ? 0 : -1
}
