/// A strided slice with its masks resolved.
///
/// - Source: StridedSliceContext and BuildStridedSliceParams of LiteRT's kernels/strided_slice.cc.
struct StridedSlice {
    /// Of each input axis: the first element, the step, how many.
    var begins: [Int] = []
    var steps: [Int] = []
    var extents: [Int] = []
    /// Of the result.
    var shape: [Int] = []

    init(
        shape input: [Int], begin: [Int], end: [Int], step: [Int], masks: StridedSliceMasks,
        _ node: GraphNode
    ) throws(ModelError) {
        func invalid(_ reason: String) -> ModelError {
            .invalidOperator(name: node.name, position: node.position, reason: reason)
        }
        guard begin.count == end.count, begin.count == step.count, begin.count <= 16 else {
            throw invalid("its arguments differ in length")
        }
        func has(_ mask: Int, _ place: Int) -> Bool { mask >> place & 1 != 0 }
        let places = 0..<begin.count
        let ellipses = places.filter { has(masks.ellipsis, $0) }
        guard ellipses.count <= 1 else { throw invalid("two ellipses") }
        let consumed = places.count {
            !has(masks.ellipsis, $0) && !(has(masks.newAxis, $0))
        }
        guard consumed <= input.count else { throw invalid("more places than axes") }

        var axis = 0
        func keep(_ count: Int) {
            for _ in 0..<count {
                begins.append(0)
                steps.append(1)
                extents.append(input[axis])
                shape.append(input[axis])
                axis += 1
            }
        }
        for place in places {
            if has(masks.ellipsis, place) {
                keep(input.count - consumed)
            } else if has(masks.newAxis, place) {
                shape.append(1)
            } else {
                let range = try Self.range(
                    input[axis], begin[place], end[place], step[place],
                    openBegin: has(masks.begin, place), openEnd: has(masks.end, place),
                    isSingle: has(masks.shrinkAxis, place), endIsOffset: masks.endIsOffset, invalid)
                begins.append(range.begin)
                steps.append(range.step)
                extents.append(range.count)
                if !has(masks.shrinkAxis, place) { shape.append(range.count) }
                axis += 1
            }
        }
        keep(input.count - axis)
    }

    private static func range(
        _ extent: Int, _ begin: Int, _ end: Int, _ step: Int, openBegin: Bool, openEnd: Bool,
        isSingle: Bool, endIsOffset: Bool, _ invalid: (String) -> ModelError
    ) throws(ModelError) -> (begin: Int, step: Int, count: Int) {
        let limit = Int(Int32.max)
        guard step != 0, abs(step) <= limit, abs(begin) <= limit, abs(end) <= limit else {
            throw invalid("from \(begin) to \(end) by \(step)")
        }
        func wrapped(_ index: Int) -> Int { index < 0 ? index + extent : index }
        if isSingle {
            let place = openBegin ? 0 : wrapped(begin)
            guard place >= 0, place < extent else { throw invalid("index \(begin) of \(extent)") }
            return (place, 1, 1)
        }
        let (low, high) = step > 0 ? (0, extent) : (-1, extent - 1)
        let first =
            openBegin ? (step > 0 ? 0 : extent - 1) : min(max(wrapped(begin), low), high)
        let wanted = endIsOffset ? begin + end : end
        let past = openEnd ? (step > 0 ? extent : -1) : min(max(wrapped(wanted), low), high)
        let count = step > 0 ? (past - first + step - 1) / step : (first - past - step - 1) / -step
        guard count > 0 else { throw invalid("an empty slice") }
        return (first, step, count)
    }
}
