import InferenceRuntime
import TestSupport
import Testing

@Suite("Arena planner")
struct ArenaPlannerTests {
    @Test("Pieces that are alive together never overlap, whatever their sizes and lives")
    func noOverlap() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("arena: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let requests = (0..<Int.random(in: 1...40, using: &random)).map { _ in
                let first = Int.random(in: -1...20, using: &random)
                return ArenaRequest(
                    byteCount: Int.random(in: 0...5_000, using: &random), first: first,
                    last: Bool.random(using: &random)
                        ? first + Int.random(in: 0...4, using: &random) : .max)
            }
            let (offsets, total) = try ArenaPlanner.place(requests, limit: 1 << 20)
            for (index, request) in requests.enumerated() {
                #expect(offsets[index] % 64 == 0)
                #expect(offsets[index] + request.byteCount <= total)
                for other in requests.indices.dropFirst(index + 1) {
                    let next = requests[other]
                    if next.first > request.last || request.first > next.last { continue }
                    let isApart =
                        offsets[index] + request.byteCount <= offsets[other]
                        || offsets[other] + next.byteCount <= offsets[index]
                    #expect(isApart, "seed \(seed): \(request) and \(next)")
                }
            }
        }
    }

    @Test("Memory is used again when its contents no longer matter")
    func reuse() throws {
        let chain = (0..<10).map { ArenaRequest(byteCount: 640, first: $0, last: $0 + 1) }
        #expect(try ArenaPlanner.place(chain, limit: 1 << 20).byteCount == 2 * 640)
    }

    @Test("An arena beyond its limit is refused")
    func limit() {
        let requests = (0..<3).map { _ in ArenaRequest(byteCount: 100, first: 0, last: 0) }
        #expect(throws: ModelError.arenaTooLarge(bytes: 384, limit: 300)) {
            _ = try ArenaPlanner.place(requests, limit: 300)
        }
        #expect(throws: ModelError.arenaTooLarge(bytes: 100, limit: 99)) {
            _ = try ArenaPlanner.place(requests, limit: 99)
        }
    }
}
