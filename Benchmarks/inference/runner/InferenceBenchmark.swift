import Glibc
import InferenceRuntime

/// Measures one model in this process and prints one line of JSON:
/// `inference-bench MODEL INPUT OUTPUT WARM-UP ITERATIONS`. INPUT is one input's raw bytes; the answer to it is
/// written to OUTPUT. With a sixth argument `profile` it prints the mean time of each step instead.
@main
struct InferenceBenchmark {
    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count >= 6, let warmUp = Int(arguments[4]), let count = Int(arguments[5]),
            warmUp >= 0, count > 0
        else {
            print("usage: inference-bench MODEL INPUT OUTPUT WARM-UP ITERATIONS")
            exit(64)
        }
        do {
            try run(arguments, warmUp: warmUp, count: count)
        } catch {
            print("inference-bench: \(error)")
            exit(65)
        }
    }

    static func run(_ arguments: [String], warmUp: Int, count: Int) throws(ModelError) {
        let plan = try ModelPlan(contentsOf: arguments[1])
        var session = try InferenceSession(plan: plan)
        session.withInput { bytes in
            guard let file = fopen(arguments[2], "rb") else { return }
            fread(bytes.baseAddress, 1, bytes.count, file)
            fclose(file)
        }
        for _ in 0..<warmUp { session.invoke() }
        if arguments.count > 6 {
            profile(plan, &session, count: count)
            return
        }
        var times = [UInt64](repeating: 0, count: count)
        for index in 0..<count {
            let start = now()
            session.invoke()
            times[index] = now() - start
        }
        times.sort()
        session.withOutput { bytes in
            guard let file = fopen(arguments[3], "wb") else { return }
            fwrite(bytes.baseAddress, 1, bytes.count, file)
            fclose(file)
        }
        func microseconds(_ share: Double) -> Double {
            Double(times[min(count - 1, Int(Double(count) * share))]) / 1_000
        }
        print(
            "{\"min\": \(microseconds(0)), \"p50\": \(microseconds(0.5)), "
                + "\"p99\": \(microseconds(0.99)), \"isa\": \"\(plan.instructionSet.rawValue)\", "
                + "\"arenaBytes\": \(plan.arenaBytes), \"weightBytes\": \(plan.weightBytes)}")
    }

    static func profile(_ plan: ModelPlan, _ session: inout InferenceSession, count: Int) {
        var times = [UInt64](repeating: 0, count: plan.stepOwners.count)
        for _ in 0..<count { times.withUnsafeMutableBufferPointer { session.invokeTimed($0) } }
        for (step, owner) in plan.stepOwners.enumerated() {
            let operation = plan.operators[owner]
            print("\(operation.name) \(operation.outputShape): \(times[step] / UInt64(count)) ns")
        }
    }

    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
