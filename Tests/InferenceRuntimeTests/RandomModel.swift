import TestSupport
/// A model of one operator with everything about it drawn at random, extremes more often than not.
struct RandomModel: CustomStringConvertible {
    enum Kind: String, CaseIterable {
        case convolution, stripConvolution, depthwise, fullyConnected, sum, averagePool, maximumPool
    }

    var bytes: [UInt8]
    var inputBytes: Int
    var description: String

    init(_ kind: Kind, _ random: inout SeededGenerator) {
        var builder = Builder(random: random)
        self = builder.make(kind)
        random = builder.random
    }

    private init(bytes: [UInt8], inputBytes: Int, description: String) {
        (self.bytes, self.inputBytes, self.description) = (bytes, inputBytes, description)
    }

    private struct Builder {
        var random: SeededGenerator
        var writer = TFLiteWriter()

        mutating func int(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &random) }
        mutating func pick<T>(_ values: [T]) -> T { values.randomElement(using: &random)! }

        mutating func zeroPoint() -> Int { pick([-128, -127, 127, 0, int(-128...127)]) }

        /// Mostly ordinary, sometimes far from it; a ratio of 1 and more needs the exact kernels.
        mutating func scale() -> Float {
            pick([1e-3, 0.02, 0.05, 0.1, 1, 3, .random(in: 1e-6...10, using: &random)])
        }

        mutating func channels() -> Int {
            pick([1, 2, 3, 4, 8, 16, 17, 24, 31, 32, 33, 48, 64, 65, 80, 128, int(1...140)])
        }

        mutating func weights(_ count: Int) -> [UInt8] {
            let range: ClosedRange<Int> = pick([-127...127, -128...127, -128 ... -126, 126...127])
            return (0..<count).map { _ in UInt8(bitPattern: Int8(int(range))) }
        }

        /// Among them such that the accumulator wraps around.
        mutating func bias(_ count: Int) -> [UInt8] {
            let range: ClosedRange<Int> = pick([
                -5_000...5_000, Int(Int32.min)...Int(Int32.max), 2_147_480_000...2_147_483_647,
            ])
            return (0..<count).flatMap { _ in
                let value = UInt32(bitPattern: Int32(int(range)))
                return (0..<4).map { UInt8(value >> (8 * $0) & 0xFF) }
            }
        }

        mutating func activation(_ shape: [Int], scale: Float? = nil) -> Int32 {
            writer.add(
                .init(
                    shape: shape, type: 9, scales: [scale ?? self.scale()], zeroPoint: zeroPoint()))
        }

        /// Weights, bias and output of a layer whose results are neither all clamped nor all zero.
        mutating func layer(_ shape: [Int], axis: Int, depth: Int) -> (inputs: [Int32], Float) {
            let channels = shape[axis]
            let perChannel = axis == 3 || int(0...1) == 1
            let base = scale()
            let scales = (0..<(perChannel ? channels : 1)).map { _ in
                base * Float.random(in: 0.01...1, using: &random)
            }
            let w = writer.add(
                .init(
                    shape: shape, type: 9, scales: scales, axis: axis,
                    data: weights(shape.reduce(1, *))))
            guard int(0...4) > 0 else { return ([w, -1], base) }
            let b = writer.add(.init(shape: [channels], type: 2, data: bias(channels)))
            return ([w, b], base)
        }

        /// An output scale that spreads typical sums over the range, or any.
        mutating func outputScale(_ input: Float, _ weight: Float, depth: Int) -> Float {
            let typical = input * weight * Float(depth).squareRoot() * 60
            return pick([typical, typical, typical * 0.1, input * weight * 0.5, scale()])
        }

        mutating func make(_ kind: Kind) -> RandomModel {
            switch kind {
            case .convolution, .stripConvolution: return convolution(isStrip: kind != .convolution)
            case .depthwise: return depthwise()
            case .fullyConnected: return fullyConnected()
            case .sum: return sum()
            case .averagePool: return pool(code: 1)
            case .maximumPool: return pool(code: 17)
            }
        }

        mutating func fullyConnected() -> RandomModel {
            let (rows, k, n) = (pick([1, 1, int(1...9)]), int(1...200), pick([channels(), 200]))
            let inputScale = scale()
            let x = activation([rows, k], scale: inputScale)
            let (constants, weightScale) = layer([n, k], axis: 0, depth: k)
            let y = activation([rows, n], scale: outputScale(inputScale, weightScale, depth: k))
            let act = int(0...3)
            writer.add(9, inputs: [x] + constants, outputs: [y], options: [0: .int8(Int8(act))])
            return finish(x, y, rows * k, "fully connected \(rows) x \(k) -> \(n), act \(act)")
        }

        struct Axis {
            var input: Int, kernel: Int, stride: Int, dilation: Int, output: Int
        }

        mutating func axis(same: Bool, kernel: Int? = nil, plain: Bool = false) -> Axis {
            let (k, s) = (kernel ?? int(1...5), plain ? 1 : pick([1, 1, 2, 3, 5]))
            let d = plain ? 1 : pick([1, 1, 1, 2, 3])
            let span = (k - 1) * d + 1
            let input = same ? int(1...20) : int(span...span + 15)
            let output = same ? (input + s - 1) / s : (input - span) / s + 1
            return Axis(input: input, kernel: k, stride: s, dilation: d, output: output)
        }

        mutating func convolution(isStrip: Bool) -> RandomModel {
            let same = int(0...1) == 0
            let v = axis(same: same)
            let h = axis(same: same, kernel: isStrip ? 3 : nil, plain: isStrip)
            let groups = isStrip ? 1 : pick([1, 1, 1, 2, 3])
            let perGroup = isStrip ? 4 * int(1...9) : int(1...20)
            let outputs = isStrip ? channels() : pick([channels(), int(1...20)])
            let oc = (outputs + groups - 1) / groups * groups
            let (n, c, inputScale) = (pick([1, 1, 2]), perGroup * groups, scale())
            let x = activation([n, v.input, h.input, c], scale: inputScale)
            let depth = v.kernel * h.kernel * perGroup
            let (constants, weightScale) = layer(
                [oc, v.kernel, h.kernel, perGroup], axis: 0, depth: depth)
            let y = activation(
                [n, v.output, h.output, oc],
                scale: outputScale(inputScale, weightScale, depth: depth))
            let act = int(0...3)
            writer.add(
                3, inputs: [x] + constants, outputs: [y],
                options: [
                    0: .int8(same ? 0 : 1), 1: .int32(Int32(h.stride)), 2: .int32(Int32(v.stride)),
                    3: .int8(Int8(act)), 4: .int32(Int32(h.dilation)), 5: .int32(Int32(v.dilation)),
                ])
            return finish(
                x, y, n * v.input * h.input * c,
                "convolution \(n) x \(v) x \(h), \(c) -> \(oc) in \(groups), act \(act)")
        }

        mutating func depthwise() -> RandomModel {
            let same = int(0...1) == 0
            let (v, h) = (axis(same: same), axis(same: same))
            let (n, c, multiplier) = (pick([1, 1, 2]), channels(), pick([1, 1, 1, 1, 2, 3, 8]))
            let inputScale = scale()
            let x = activation([n, v.input, h.input, c], scale: inputScale)
            let (constants, weightScale) = layer(
                [1, v.kernel, h.kernel, c * multiplier], axis: 3, depth: v.kernel * h.kernel)
            let y = activation(
                [n, v.output, h.output, c * multiplier],
                scale: outputScale(inputScale, weightScale, depth: v.kernel * h.kernel))
            let act = int(0...3)
            writer.add(
                4, inputs: [x] + constants, outputs: [y],
                options: [
                    0: .int8(same ? 0 : 1), 1: .int32(Int32(h.stride)), 2: .int32(Int32(v.stride)),
                    3: .int32(Int32(multiplier)), 4: .int8(Int8(act)),
                    5: .int32(Int32(h.dilation)), 6: .int32(Int32(v.dilation)),
                ])
            return finish(
                x, y, n * v.input * h.input * c,
                "depthwise \(n) x \(v) x \(h), \(c) times \(multiplier), act \(act)")
        }

        /// x plus itself in another quantization.
        mutating func sum() -> RandomModel {
            let shape = [pick([1, 2]), int(1...6), int(1...7), channels()]
            let base = Float.random(in: 0.01...1, using: &random)
            let ratios: [Float] = [1, 0.5, 2, 30, 0.02, .random(in: 0.01...50, using: &random)]
            let scales = (base * pick(ratios), base * pick(ratios))
            let x = activation(shape, scale: scales.0)
            let twin = activation(shape, scale: scales.1)
            let y = activation(shape, scale: base)
            let act = int(0...3)
            writer.add(114, inputs: [x], outputs: [twin])
            writer.add(0, inputs: [x, twin], outputs: [y], options: [0: .int8(Int8(act))])
            return finish(x, y, shape.reduce(1, *), "sum \(shape) \(scales) / \(base), act \(act)")
        }

        mutating func pool(code: Int32) -> RandomModel {
            let same = int(0...1) == 0
            var (v, h) = (axis(same: same), axis(same: same))
            (v.dilation, h.dilation) = (1, 1)
            let isGlobal = int(0...4) == 0
            if isGlobal {
                (v.input, h.input) = (int(1...20), int(1...20))
                (v.kernel, h.kernel) = (v.input, h.input)
            }
            let padding = isGlobal ? false : same
            func output(_ axis: Axis) -> Int {
                padding
                    ? (axis.input + axis.stride - 1) / axis.stride
                    : (axis.input - axis.kernel) / axis.stride + 1
            }
            let (n, c, act) = (pick([1, 2]), channels(), int(0...3))
            let quantization = (scale(), zeroPoint())
            func tensor(_ height: Int, _ width: Int) -> TFLiteWriter.Tensor {
                .init(
                    shape: [n, height, width, c], type: 9, scales: [quantization.0],
                    zeroPoint: quantization.1)
            }
            let x = writer.add(tensor(v.input, h.input))
            let y = writer.add(tensor(output(v), output(h)))
            writer.add(
                code, inputs: [x], outputs: [y],
                options: [
                    0: .int8(padding ? 0 : 1), 1: .int32(Int32(h.stride)),
                    2: .int32(Int32(v.stride)), 3: .int32(Int32(h.kernel)),
                    4: .int32(Int32(v.kernel)), 5: .int8(Int8(act)),
                ])
            return finish(
                x, y, n * v.input * h.input * c, "pool \(code) \(n) x \(v) x \(h), \(c), act \(act)"
            )
        }

        func finish(_ x: Int32, _ y: Int32, _ inputBytes: Int, _ text: String) -> RandomModel {
            RandomModel(
                bytes: writer.file(inputs: [x], outputs: [y]), inputBytes: inputBytes,
                description: text)
        }
    }
}
