internal import CInferenceKernels
internal import Glibc

/// The instruction sets for which there are kernels, slowest first.
public enum InstructionSet: String, Sendable, CaseIterable {
    case scalar
    case neon
    case neonDotProduct = "neon-dotprod"
    case avx2
    case avxVNNI = "avxvnni"
    case avx512VNNI = "avx512vnni"

    /// The environment variable that forces an instruction set.
    public static let environmentVariable = "EDGE_AGENT_ISA"

    /// Whether this processor and operating system run it.
    public var isAvailable: Bool {
        unsafe ik_kernels_named(rawValue) != nil
    }

    /// The fastest that this processor runs.
    public static var best: InstructionSet {
        allCases.last(where: \.isAvailable) ?? .scalar
    }

    /// What the environment forces, else the fastest.
    ///
    /// - Throws: `unknownInstructionSet` or `instructionSetUnavailable` when the environment asks
    ///   for what cannot be.
    public static func selected() throws(ModelError) -> InstructionSet {
        guard let value = unsafe getenv(environmentVariable) else { return best }
        let name = unsafe String(cString: value)
        if name.isEmpty { return best }
        guard let set = InstructionSet(rawValue: name) else {
            throw .unknownInstructionSet(name: name)
        }
        guard set.isAvailable else { throw .instructionSetUnavailable(set) }
        return set
    }
}
