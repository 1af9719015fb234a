internal import SensorIO

/// A raised alarm as the outbox keeps it for a restart, and whose it is.
///
/// Little-endian: version UInt8, hash of the bundle's name UInt64, hash of model and rule UInt64, the state.
struct SavedAlarm: Equatable {
    static let version: UInt8 = 1
    static let byteCount = 17 + AlarmState.byteCount

    var nameHash: UInt64
    var modelHash: UInt64
    var state: AlarmState

    init(nameHash: UInt64, modelHash: UInt64, state: AlarmState) {
        self.nameHash = nameHash
        self.modelHash = modelHash
        self.state = state
    }

    /// Reads what `write` wrote; nil if no raised alarm can be that.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount, bytes[0] == Self.version else { return nil }
        let parts = unsafe bytes.withUnsafeBytes { raw in
            // The count was checked.
            unsafe (
                UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 1, as: UInt64.self)),
                UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 9, as: UInt64.self)),
                AlarmState(bytes: UnsafeRawBufferPointer(rebasing: raw[17...]))
            )
        }
        guard let state = parts.2, state.isRaised else { return nil }
        (nameHash, modelHash) = (parts.0, parts.1)
        self.state = state
    }

    /// Allocates nothing.
    ///
    /// - Parameter buffer: at least `byteCount` bytes.
    func write(to buffer: UnsafeMutableRawBufferPointer) {
        unsafe buffer.storeBytes(of: Self.version, toByteOffset: 0, as: UInt8.self)
        unsafe buffer.storeBytes(of: nameHash.littleEndian, toByteOffset: 1, as: UInt64.self)
        unsafe buffer.storeBytes(of: modelHash.littleEndian, toByteOffset: 9, as: UInt64.self)
        unsafe state.write(to: UnsafeMutableRawBufferPointer(rebasing: buffer[17...]))
    }
}

/// Which restart finds what: what becomes of an alarm that was raised.
enum RestoredAlarm: Equatable {
    /// It stays raised, and nothing is published.
    case goesOn(isSameModel: Bool)
    /// It is cleared, with the reason `restarted`.
    case cleared

    /// - Parameters:
    ///   - age: how long the agent was away, as far as is known.
    ///   - hasRoom: whether the asset has a place.
    init(
        _ saved: SavedAlarm, nameHash: UInt64, modelHash: UInt64, age: SavedAge,
        maximumAgeNanoseconds: UInt64, hasRoom: Bool
    ) {
        guard saved.nameHash == nameHash, hasRoom, !age.isLonger(than: maximumAgeNanoseconds)
        else {
            self = .cleared
            return
        }
        self = .goesOn(isSameModel: saved.modelHash == modelHash)
    }
}
