internal import SensorIO

// Writing bundle.json; reading it again gives an equal manifest.
extension BundleManifest {
    /// The file's bytes.
    package func encoded() -> [UInt8] {
        var json = JSONWriter(growingTo: 16 << 20, layout: .indented)
        json.beginObject()
        json.member("name", name)
        json.member("version", version.description)
        json.member("release", release)
        if let expiresNanoseconds {
            json.member("expires", nanosecondsSince1970: expiresNanoseconds)
        }
        if let summary { json.member("summary", summary) }
        json.member("runtime", runtime.rawValue)
        if let minimumAgentVersion {
            json.member("minimumAgentVersion", minimumAgentVersion.description)
        }
        write(inputsTo: &json)
        write(outputTo: &json)
        if let thresholds { write(thresholds, to: &json) }
        if let inferenceBudget {
            json.member("inferenceBudget", DurationText.format(inferenceBudget))
        }
        if let fallback { write(fallback, to: &json) }
        json.endObject()
        _ = json.finish()
        return json.copyBytes() + [0x0A]
    }

    private func write(inputsTo json: inout JSONWriter) {
        json.beginObject("inputs")
        json.beginArray("channels")
        for channel in channels {
            json.beginObject()
            json.member("name", channel.name)
            json.member("unit", channel.unit)
            if let range = channel.validRange {
                json.member("validRange", [range.lowerBound, range.upperBound])
            }
            json.member("outOfRange", channel.outOfRange.rawValue)
            json.endObject()
        }
        json.endArray()
        if window.alignment != .perMessage || window.maximumGapNanoseconds != nil {
            json.beginObject("sampling")
            if case .fixedRate(let interval, let age) = window.alignment {
                json.member("interval", DurationText.format(.nanoseconds(interval)))
                json.member("maximumAge", DurationText.format(.nanoseconds(age)))
            }
            if let gap = window.maximumGapNanoseconds {
                json.member("maximumGap", DurationText.format(.nanoseconds(gap)))
            }
            json.endObject()
        }
        json.member("window", window.samples)
        json.member("hop", window.hop)
        switch features {
        case .raw: json.member("features", "raw")
        case .statistics(let statistics): json.member("features", statistics.map(\.rawValue))
        }
        if case .affine(let offsets, let scales) = normalization {
            json.beginObject("normalization")
            json.member("offsets", offsets)
            json.member("scales", scales)
            json.endObject()
        }
        json.endObject()
    }

    private func write(outputTo json: inout JSONWriter) {
        json.beginObject("output")
        switch output {
        case .reconstructionError: json.member("kind", "reconstructionError")
        case .classProbabilities(let labels, let alarmLabels):
            json.member("kind", "classProbabilities")
            json.member("labels", labels)
            json.member("alarmLabels", alarmLabels)
        case .value(let index):
            json.member("kind", "value")
            json.member("index", index)
        }
        json.endObject()
    }

    private func write(_ thresholds: Thresholds, to json: inout JSONWriter) {
        json.beginObject("thresholds")
        json.beginArray("severities")
        for band in thresholds.bands {
            json.beginObject()
            json.member("severity", band.severity.name.description)
            json.member("raiseAbove", band.raiseAbove)
            json.endObject()
        }
        json.endArray()
        if let clearBelow = thresholds.clearBelow {
            json.member("clearBelow", clearBelow)
        }
        json.member("raiseAfter", thresholds.raiseAfter)
        json.member("clearAfter", thresholds.clearAfter)
        if let reminder = thresholds.reminder {
            json.member("reminder", DurationText.format(reminder))
        }
        json.endObject()
    }

    private func write(_ fallback: Fallback, to json: inout JSONWriter) {
        json.beginObject("fallback")
        json.member("feature", fallback.feature)
        json.key(fallback.isAbove ? "above" : "below")
        json.number(fallback.threshold)
        json.member("clear", fallback.clearThreshold)
        json.member("severity", fallback.severity.name.description)
        json.endObject()
    }
}
