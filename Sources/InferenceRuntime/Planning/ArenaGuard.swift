/// A strip of the arena behind a tensor that no kernel may write; debug builds have one behind each.
///
/// Memory is used again by later tensors, so a strip counts only while the tensor before it is
/// alive: the planner makes room for both as one piece.
struct ArenaGuard {
    /// First byte behind the tensor, from the arena's start.
    var offset: Int
    /// Steps between which it has to stay as it is; as in `ArenaRequest`.
    var first: Int
    var last: Int
    /// For messages.
    var tensor: String

    /// What a strip is filled with: no zero, no zero point that models use, no small number.
    static let pattern: UInt8 = 0xA7

    /// Width of a strip; none in a release build. - Units: bytes
    static var byteCount: Int {
        #if DEBUG
            64
        #else
            0
        #endif
    }

    /// The request with room for the strip.
    static func widened(_ request: ArenaRequest) -> ArenaRequest {
        var request = request
        let (bytes, overflow) = request.byteCount.addingReportingOverflow(byteCount)
        request.byteCount = overflow ? .max : bytes
        return request
    }
}

#if DEBUG
    internal import CInferenceKernels
    internal import Glibc

    /// A step wrote behind a tensor.
    package struct ArenaDamage: Equatable, CustomStringConvertible {
        /// The step's operator: its place in the plan's list, and its name.
        package var position: Int
        package var name: String
        package var tensor: String

        package var description: String {
            "operator \(position) (\(name)) wrote behind the memory of tensor '\(tensor)'"
        }
    }

    extension PlanBuilder {
        /// The strips that belong to the arena's pieces.
        func guards(_ offsets: [Int]) -> [ArenaGuard] {
            zip(storages, offsets).map { storage, offset in
                ArenaGuard(
                    offset: offset + storage.request.byteCount, first: storage.request.first,
                    last: storage.request.last,
                    tensor: storage.tensor.map { graph.tensors[$0].name } ?? "state")
            }
        }
    }

    extension InferenceSession {
        /// Runs the model once and looks after each step whether it wrote behind a tensor.
        ///
        /// - Parameters:
        ///   - plan: the session's own.
        ///   - wrongStep: for the test of this check, a step that is replaced by a kernel that
        ///     writes one byte too far.
        /// - Returns: the first damage; the steps after it have not run.
        package mutating func invokeGuarded(
            _ plan: ModelPlan, wrongStep: Int? = nil
        ) -> ArenaDamage? {
            let base = unsafe arena.base.assumingMemoryBound(to: UInt8.self)
            for strip in plan.guards where strip.first < 0 { unsafe strip.write(base) }
            for index in 0..<plan.stepCount {
                for strip in plan.guards where strip.first == index { unsafe strip.write(base) }
                var step = unsafe plan.steps[index]
                if index == wrongStep { unsafe step.run = overrun }
                unsafe ik_run(&step, 1, base)
                for strip in plan.guards
                where strip.first <= index && index <= strip.last && !(unsafe strip.isIntact(base))
                {
                    let owner = plan.stepOwners[index]
                    return ArenaDamage(
                        position: owner, name: plan.operators[owner].name, tensor: strip.tensor)
                }
            }
            return nil
        }
    }

    extension ArenaGuard {
        fileprivate func write(_ arena: UnsafeMutablePointer<UInt8>) {
            _ = unsafe memset(arena + offset, Int32(Self.pattern), Self.byteCount)
        }

        fileprivate func isIntact(_ arena: UnsafeMutablePointer<UInt8>) -> Bool {
            // Intact when the first byte is right and each equals the one before it.
            unsafe arena[offset] == Self.pattern
                && memcmp(arena + offset, arena + offset + 1, Self.byteCount - 1) == 0
        }
    }

    /// A kernel that fills its output, and the byte behind it.
    private func overrun(_ step: UnsafePointer<ik_step>?, _ arena: UnsafeMutablePointer<UInt8>?) {
        guard let step = unsafe step, let arena = unsafe arena else { return }
        let output = unsafe step.pointee.output
        let byteCount = Int(output.batch_stride) * Int(output.batches)
        unsafe memset(arena + Int(output.offset), 0x11, byteCount + 1)
    }
#endif
