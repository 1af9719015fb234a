/// What a box knows about the date, whether or not its clock can be believed.
package struct ClockReading: Sendable, Equatable {
    /// Of the box's clock. - Units: nanoseconds since 1970
    package var wallNanoseconds: Int64
    package var state: ClockState
    /// The latest date that was ever certain here: when this program was written, or a synchronised clock before.
    package var floorNanoseconds: Int64

    package init(wallNanoseconds: Int64, state: ClockState, floorNanoseconds: Int64) {
        self.wallNanoseconds = wallNanoseconds
        self.state = state
        self.floorNanoseconds = max(floorNanoseconds, WallClock.earliestPlausibleNanoseconds)
    }

    /// How a date of expiry stands.
    package enum Expiry: Sendable, Equatable {
        case valid, expired
        /// The clock cannot be believed, and what is certain does not decide it.
        case unknown
    }

    /// Whether something has expired. A clock that stands in 1970, or ahead in 2099, decides nothing: a date
    /// counts as past only if it was certainly reached, and as ahead only on a synchronised clock.
    package func expiry(ofNanoseconds expires: Int64) -> Expiry {
        if expires <= floorNanoseconds { return .expired }
        guard state == .synchronised else { return .unknown }
        return expires <= wallNanoseconds ? .expired : .valid
    }

    /// The floor for the next reading.
    package var newFloorNanoseconds: Int64 {
        state == .synchronised ? max(floorNanoseconds, wallNanoseconds) : floorNanoseconds
    }
}
