internal import SensorIO

/// Hashes that saved states are bound to: they find what has changed, not who lies.
package enum StateHash {
    package static func of(_ text: String) -> UInt64 {
        let bytes = Array(text.utf8)
        return unsafe bytes.withUnsafeBytes { unsafe OutboxHash.hash($0) }
    }
}

extension PipelineModel {
    /// Of the model and the rule that it decides by.
    var modelHash: UInt64 {
        var sum = eventModel.digestHash
        func mix(_ number: UInt64) { OutboxHash.mix(&sum, number) }
        mix(UInt64(alarmRule.clearBelow.bitPattern))
        mix(UInt64(alarmRule.raiseAfter) << 32 | UInt64(alarmRule.clearAfter))
        for band in 0..<alarmRule.bandCount {
            mix(UInt64(alarmRule.severity(ofBand: band).rawValue))
            mix(UInt64(alarmRule.raiseAbove(ofBand: band).bitPattern))
        }
        return sum
    }

    /// Of all that says which values a window's rows hold.
    ///
    /// - Parameter settings: of the pipeline: its topics name the assets.
    func inputsHash(_ settings: PipelineSettings) -> UInt64 {
        var sum: UInt64 = 0
        for channel in channels {
            OutboxHash.mix(&sum, StateHash.of(channel.name))
            OutboxHash.mix(&sum, StateHash.of(channel.unit))
        }
        for (filter, key) in zip(settings.filters, settings.keys) {
            OutboxHash.mix(&sum, StateHash.of(filter.text))
            OutboxHash.mix(&sum, StateHash.of(key.text))
        }
        return sum
    }
}
