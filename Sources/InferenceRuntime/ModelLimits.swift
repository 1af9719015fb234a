/// Bounds on what a model file may ask for, checked before anything of that size is allocated.
public struct ModelLimits: Sendable, Equatable {
    /// Largest file. - Units: bytes
    public var fileBytes = 64 << 20
    public var tensors = 4_096
    public var operators = 4_096
    /// Inputs plus outputs of one operator.
    public var operands = 64
    /// Scales of all tensors together.
    public var quantizationParameters = 1 << 20
    /// Dimensions of one tensor.
    public var rank = 6
    /// Largest tensor, weights included. - Units: bytes
    public var tensorBytes = 64 << 20
    /// Working memory of one session. - Units: bytes
    public var arenaBytes = 128 << 20
    /// Weights as packed for the instruction set, and all tables. - Units: bytes
    public var weightBytes = 256 << 20
    /// Work of one inference: a bound on its time.
    public var multiplyAdds = 20_000_000_000

    public init() {}
}
