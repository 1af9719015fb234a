internal import SensorIO

// Writing bundle.json; reading it again gives an equal manifest.
extension BundleManifest {
    /// The file's bytes.
    package func encoded() -> [UInt8] {
        var json = JSONWriter(growingTo: 16 << 20, layout: .indented)
        json.beginObject()
        json.text("name", name)
        json.text("version", version.description)
        json.key("release")
        json.integer(release)
        if let expiresNanoseconds {
            json.key("expires")
            json.timestamp(nanosecondsSince1970: expiresNanoseconds)
        }
        if let summary { json.text("summary", summary) }
        json.text("runtime", runtime.rawValue)
        if let minimumAgentVersion {
            json.text("minimumAgentVersion", minimumAgentVersion.description)
        }
        write(inputsTo: &json)
        write(outputTo: &json)
        if let thresholds { write(thresholds, to: &json) }
        if let inferenceBudget {
            json.text("inferenceBudget", DurationText.format(inferenceBudget))
        }
        if let fallback { write(fallback, to: &json) }
        json.endObject()
        _ = json.finish()
        return json.copyBytes() + [0x0A]
    }

    private func write(inputsTo json: inout JSONWriter) {
        json.key("inputs")
        json.beginObject()
        json.key("channels")
        json.beginArray()
        for channel in channels {
            json.beginObject()
            json.text("name", channel.name)
            json.text("unit", channel.unit)
            if let range = channel.validRange {
                json.key("validRange")
                json.numbers([range.lowerBound, range.upperBound])
            }
            json.text("outOfRange", channel.outOfRange.rawValue)
            json.endObject()
        }
        json.endArray()
        if window.alignment != .perMessage || window.maximumGapNanoseconds != nil {
            json.key("sampling")
            json.beginObject()
            if case .fixedRate(let interval, let age) = window.alignment {
                json.text("interval", DurationText.format(.nanoseconds(interval)))
                json.text("maximumAge", DurationText.format(.nanoseconds(age)))
            }
            if let gap = window.maximumGapNanoseconds {
                json.text("maximumGap", DurationText.format(.nanoseconds(gap)))
            }
            json.endObject()
        }
        json.key("window")
        json.integer(window.samples)
        json.key("hop")
        json.integer(window.hop)
        json.key("features")
        switch features {
        case .raw: json.string("raw" as String)
        case .statistics(let statistics): json.texts(statistics.map(\.rawValue))
        }
        if case .affine(let offsets, let scales) = normalization {
            json.key("normalization")
            json.beginObject()
            json.key("offsets")
            json.numbers(offsets)
            json.key("scales")
            json.numbers(scales)
            json.endObject()
        }
        json.endObject()
    }

    private func write(outputTo json: inout JSONWriter) {
        json.key("output")
        json.beginObject()
        switch output {
        case .reconstructionError: json.text("kind", "reconstructionError")
        case .classProbabilities(let labels, let alarmLabels):
            json.text("kind", "classProbabilities")
            json.key("labels")
            json.texts(labels)
            json.key("alarmLabels")
            json.texts(alarmLabels)
        case .value(let index):
            json.text("kind", "value")
            json.key("index")
            json.integer(index)
        }
        json.endObject()
    }

    private func write(_ thresholds: Thresholds, to json: inout JSONWriter) {
        json.key("thresholds")
        json.beginObject()
        json.key("severities")
        json.beginArray()
        for band in thresholds.bands {
            json.beginObject()
            json.text("severity", band.severity.name.description)
            json.key("raiseAbove")
            json.number(band.raiseAbove)
            json.endObject()
        }
        json.endArray()
        if let clearBelow = thresholds.clearBelow {
            json.key("clearBelow")
            json.number(clearBelow)
        }
        json.key("raiseAfter")
        json.integer(thresholds.raiseAfter)
        json.key("clearAfter")
        json.integer(thresholds.clearAfter)
        if let reminder = thresholds.reminder {
            json.text("reminder", DurationText.format(reminder))
        }
        json.endObject()
    }

    private func write(_ fallback: Fallback, to json: inout JSONWriter) {
        json.key("fallback")
        json.beginObject()
        json.text("feature", fallback.feature)
        json.key(fallback.isAbove ? "above" : "below")
        json.number(fallback.threshold)
        json.key("clear")
        json.number(fallback.clearThreshold)
        json.text("severity", fallback.severity.name.description)
        json.endObject()
    }
}

extension JSONWriter {
    fileprivate mutating func text(_ name: StaticString, _ value: String) {
        key(name)
        string(value)
    }

    fileprivate mutating func texts(_ values: [String]) {
        beginArray()
        for value in values { string(value) }
        endArray()
    }
}
