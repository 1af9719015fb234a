internal import InferenceRuntime

extension ModelBenchmark.Report {
    /// For people, a line each.
    package var lines: [String] {
        var lines = [modelPath]
        append(result, to: &lines)
        if let other {
            lines.append("against")
            append(other, to: &lines)
        }
        let place = processor.map { ", processor \($0)" } ?? ""
        lines.append("\(rounds) rounds of \(iterations) invokes\(place)")
        if let ratio {
            lines.append("ratio of the medians: \(Self.rounded(ratio, 100))")
        }
        return lines
    }

    private func append(_ result: ModelBenchmark.Result, to lines: inout [String]) {
        lines.append("  engine      \(result.engine)")
        let times = [
            ("p50", result.p50), ("p99", result.p99), ("p99.9", result.p999),
            ("max", result.maximum),
        ]
        lines.append(
            "  invoke      "
                + times.map { "\($0.0) \(Double($0.1) / 1000) µs" }.joined(separator: ", "))
        let weights = result.weightBytes.map { ", weights \($0) B" } ?? ""
        let memory = result.weightBytes == nil ? "inputs and outputs" : "arena"
        lines.append("  memory      \(memory) \(result.arenaBytes) B\(weights)")
        guard !result.operators.isEmpty else { return }
        lines.append("  operators   share, mean, place, name")
        for part in result.operators {
            let percent = Self.column("\(Self.rounded(part.share * 100, 10)) %", 8)
            let mean = Self.column("\(Self.rounded(part.nanoseconds / 1000, 100)) µs", 12)
            lines.append(
                "   \(percent)\(mean)\(Self.column("\(part.index)", 5))  \(part.name) "
                    + "\(part.outputShape)")
        }
    }

    /// One JSON object.
    package var json: String {
        var json = JSONWriter(growingTo: 4 << 20)
        json.beginObject()
        json.member("model", modelPath)
        json.member("rounds", rounds)
        json.member("iterations", iterations)
        if let processor {
            json.member("processor", processor)
        }
        json.beginArray("engines")
        json.benchmark(result)
        if let other { json.benchmark(other) }
        json.endArray()
        if let ratio {
            json.member("ratio", Self.rounded(ratio, 1000))
        }
        json.endObject()
        _ = json.finish()
        return String(decoding: json.copyBytes(), as: UTF8.self)
    }

    private static func rounded(_ value: Double, _ parts: Double) -> Double {
        (value * parts).rounded() / parts
    }

    private static func column(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}

extension JSONWriter {
    fileprivate mutating func benchmark(_ result: ModelBenchmark.Result) {
        beginObject()
        switch result.engine {
        case .builtIn(let set):
            member("engine", "builtIn")
            member("instructionSet", set.rawValue)
        case .onnxRuntime(let version, let path, let reason):
            member("engine", "onnxRuntime")
            member("version", version)
            member("library", path)
            member("reason", reason)
        }
        let times: [(String, UInt64)] = [
            ("minimum", result.minimum), ("p50", result.p50), ("p99", result.p99),
            ("p999", result.p999), ("maximum", result.maximum),
        ]
        for (name, nanoseconds) in times {
            key(name + "Microseconds")
            number(Double(nanoseconds) / 1000)
        }
        member("arenaBytes", result.arenaBytes)
        if let weightBytes = result.weightBytes {
            member("weightBytes", weightBytes)
        }
        beginArray("operators")
        for part in result.operators {
            beginObject()
            member("index", part.index)
            member("name", part.name)
            beginArray("outputShape")
            for extent in part.outputShape { integer(extent) }
            endArray()
            member("meanMicroseconds", part.nanoseconds / 1000)
            member("share", part.share)
            endObject()
        }
        endArray()
        endObject()
    }
}
