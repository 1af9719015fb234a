import SensorIO

/// Payload → window → features as a pipeline does it, for the tests of allocations and of time.
final class WindowHotPath {
    let decoder: PayloadDecoder
    let bank: WindowBank
    let extractor: FeatureExtractor
    let ledger = RejectionLedger()
    private let features: UnsafeMutableBufferPointer<Float>
    private(set) var evaluations = 0
    private(set) var rejections = 0
    private(set) var notices = 0

    init(
        payload: PayloadDescription, channels: [ChannelDescription], window: WindowDescription,
        features: FeatureDescription, assets: Int
    ) throws {
        decoder = try PayloadDecoder(payload, channels: channels)
        bank = try WindowBank(
            window: window, channelCount: channels.count, timeAxis: decoder.timeAxis,
            limits: AssetLimits(maximumAssets: assets, minimumIdleNanoseconds: 0))
        extractor = try FeatureExtractor(
            features: features, samples: window.samples, channelCount: channels.count)
        self.features = .allocate(capacity: extractor.featureCount)
        self.features.initialize(repeating: 0)
    }

    deinit { features.deallocate() }

    func receive(
        _ payload: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, now: UInt64, wall: Int64
    ) {
        let clock = ArrivalClock(monotonicNanoseconds: now, wallNanoseconds: wall)
        switch decoder.decode(payload, clock: clock) {
        case .rejected(let cause): reject(cause, key, now)
        case .samples(let count):
            for index in 0..<count {
                switch decoder.sample(index) {
                case .rejected(let cause): reject(cause, key, now)
                case .sample(let time): append(key, time, now)
                }
            }
        }
        while let due = bank.nextDue() {
            if extractor.extract(due, from: bank, into: features) { evaluations += 1 }
        }
    }

    private func append(_ key: UnsafeRawBufferPointer, _ time: Int64, _ now: UInt64) {
        switch bank.asset(key: key, nowNanoseconds: now) {
        case .known(let slot), .new(let slot):
            _ = bank.append(
                asset: slot, row: UnsafeBufferPointer(decoder.row), timeNanoseconds: time,
                arrivalNanoseconds: now)
        case .refused(let cause): reject(cause, key, now)
        }
    }

    private func reject(_ cause: RejectionCause, _ key: UnsafeRawBufferPointer, _ now: UInt64) {
        rejections += 1
        if ledger.record(cause, topic: key, nowNanoseconds: now) != nil { notices += 1 }
    }
}
