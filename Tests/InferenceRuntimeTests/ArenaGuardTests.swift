#if DEBUG
    import InferenceRuntime
    import Testing

    /// The strips behind tensors that debug builds have in the arena.
    @Suite("Arena guards")
    struct ArenaGuardTests {
        @Test("A step that writes one byte too far is found at once, with its names")
        func overrun() throws {
            let plan = try ModelPlan.make(Fixtures.bytes("small-network", "tflite"))
            var session = try InferenceSession(plan: plan)
            let undisturbed = session.invokeGuarded(plan)
            #expect(undisturbed == nil)
            for step in plan.stepOwners.indices {
                let found = session.invokeGuarded(plan, wrongStep: step)
                let damage = try #require(found)
                let owner = plan.stepOwners[step]
                #expect(damage.position == owner)
                #expect(damage.name == plan.operators[owner].name)
                #expect(!damage.tensor.isEmpty)
                #expect(
                    damage.description
                        == "operator \(owner) (\(damage.name)) wrote behind the memory of tensor '\(damage.tensor)'"
                )
                let next = session.invokeGuarded(plan)
                #expect(next == nil, "the next run begins anew")
            }
        }
    }
#endif
