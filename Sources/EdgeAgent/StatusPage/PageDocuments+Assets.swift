internal import SensorIO

// Assets: how they stand, and the last minutes of one.
extension PageDocuments {
    /// How assets stand, raised ones first.
    ///
    /// - Parameters:
    ///   - search: what their keys contain; empty: all.
    ///   - recentPoints: how many of each asset's last scores come with it.
    func assets(
        _ pipeline: PageSources.Pipeline, search: String, limit: Int = listedAssets,
        recentPoints: Int = 0
    ) -> [UInt8] {
        let now = MonotonicClock.nanoseconds
        let selection = pipeline.history.select(
            matching: search, limit: limit, nowNanoseconds: now)
        return Self.document { json in
            json.member("pipeline", pipeline.name)
            json.member("total", UInt64(selection.total))
            json.member("matching", UInt64(selection.matching))
            json.member("raised", UInt64(selection.raised))
            json.key("rule")
            write(pipeline.history.currentRule, &json)
            json.beginArray("assets")
            for asset in selection.assets {
                json.beginObject()
                write(asset, &json)
                if recentPoints > 0 {
                    let points = pipeline.history.points(
                        slot: asset.slot, limit: recentPoints, nowNanoseconds: now)
                    json.beginArray("recent")
                    for point in points ?? [] { json.number(Self.shortened(point.score)) }
                    json.endArray()
                }
                json.endObject()
            }
            json.endArray()
        }
    }

    private func write(_ asset: AssetStanding, _ json: inout JSONWriter) {
        json.member("key", asset.key)
        json.member("score", asset.score)
        json.member("severity", asset.severity?.name)
        json.member("isFallback", asset.isFallback)
        json.member("ageSeconds", (asset.ageSeconds * 10).rounded() / 10)
        json.member("raisedSeconds", asset.raisedSeconds?.rounded())
    }

    private func write(_ rule: HistoryRule?, _ json: inout JSONWriter) {
        guard let rule else { return json.null() }
        json.beginObject()
        json.beginArray("bands")
        for band in rule.bands {
            json.beginObject()
            json.member("severity", band.severity.name)
            json.member("raiseAbove", band.raiseAbove)
            json.endObject()
        }
        json.endArray()
        json.member("clearBelow", rule.clearBelow)
        json.endObject()
    }

    /// The last minutes of one asset.
    ///
    /// A point is a row: milliseconds since 1970, score, severity (0: none, 1 warning to 4 critical), what the alarm did (or 0),
    /// whether the fallback decided (0 or 1), then the channels in their order.
    ///
    /// - Parameters:
    ///   - after: only points with higher numbers; nil: all, with the channels' names.
    ///   - limit: the newest so many.
    /// - Returns: the document and the number of its last point; nil: nothing new.
    func history(
        _ pipeline: PageSources.Pipeline, asset: String, after: Int? = nil, limit: Int = .max
    ) -> (bytes: [UInt8], last: Int)? {
        let now = MonotonicClock.nanoseconds
        let wallNow = WallClock.nanoseconds
        let history = pipeline.history
        guard let slot = history.slot(ofKey: asset) else { return nil }
        history.look(at: slot, nowNanoseconds: now)
        var points = history.points(slot: slot, limit: limit, nowNanoseconds: now) ?? []
        let last = points.last?.number ?? -1
        // Numbers begin anew with another ring.
        let isAppended = after.map { $0 <= last } ?? false
        if let after, isAppended {
            points.removeAll { $0.number <= after }
            if points.isEmpty { return nil }
        }
        let bytes = Self.document { json in
            json.member("pipeline", pipeline.name)
            json.member("asset", asset)
            json.member("append", isAppended)
            json.key("rule")
            write(history.currentRule, &json)
            if !isAppended {
                json.beginArray("channels")
                for channel in history.channels {
                    json.beginObject()
                    json.member("name", channel.name)
                    json.member("unit", channel.unit)
                    json.endObject()
                }
                json.endArray()
            }
            json.beginArray("points")
            for point in points { write(point, wallNow, &json) }
            json.endArray()
        }
        return (bytes, last)
    }

    private func write(_ point: HistoryPoint, _ wallNow: Int64, _ json: inout JSONWriter) {
        json.beginArray()
        json.integer(wallNow / 1_000_000 &- Int64(point.ageSeconds * 1000))
        json.number(Self.shortened(point.score))
        json.integer(Int(point.severity?.rawValue ?? 0))
        if let transition = point.transition {
            json.string(transition.name)
        } else {
            json.integer(0)
        }
        json.integer(point.isFallback ? 1 : 0)
        for value in point.channels { json.number(Self.shortened(value)) }
        json.endArray()
    }

    /// To five digits: enough for a chart, and half the bytes.
    static func shortened(_ value: Float) -> Double {
        guard value.isFinite, value != 0 else { return Double(value) }
        var magnitude = abs(Double(value))
        var factor = 1.0
        while magnitude >= 100_000 {
            magnitude /= 10
            factor /= 10
        }
        while magnitude < 10_000, factor < 1e9 {
            magnitude *= 10
            factor *= 10
        }
        return (Double(value) * factor).rounded() / factor
    }
}
