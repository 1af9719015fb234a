internal import CInferenceKernels

/// Lowering to the vector kernels: packed weights, tables of offsets, borders in the arena.
extension PlanBuilder {
    /// Whether the vector kernels run this convolution. Asked before its tensors have places.
    ///
    /// They do not where borders or tables would be out of proportion, or where an input channel
    /// feeds several outputs; the scalar kernels do.
    func usesTiles(_ node: GraphNode, _ geometry: WindowGeometry, groups: Int = 1) -> Bool {
        guard unsafe kernels.vector_bytes > 0, let input = node.inputs[0], is8Bit(input) else {
            return false
        }
        if case .depthwiseConvolution = node.operation,
            geometry.input.channels != 1, geometry.input.channels != geometry.output.channels
        {
            return false
        }
        // Every group of channels is a step of its own; every pixel an entry of a table.
        let (output, kernel) = (geometry.output, geometry.kernel)
        guard groups <= 256, kernel.height * kernel.width <= 4_096,
            output.batches * output.height * output.width * groups <= 1 << 20
        else { return false }
        let border = geometry.border
        let height = geometry.input.height + border.top + border.bottom
        let width = geometry.input.width + border.left + border.right
        // Each is below 2^32 and the plain tensor below 2^31 bytes: no product overflows.
        let plain = geometry.input.height * geometry.input.width
        let (bordered, overflow) = height.multipliedReportingOverflow(by: width)
        return !overflow && bordered <= max(4 * plain, 4_096)
    }

    /// Whether every offset into a tensor fits the 32 bits of the kernels' tables.
    private func fitsTables(_ layouts: Layout...) -> Bool {
        layouts.allSatisfy { storages[$0.storage].request.byteCount <= Int(Int32.max) - 65_536 }
    }

    private func requantization(
        clamp: (low: Int32, high: Int32), to output: Layout
    ) -> ik_requantization {
        ik_requantization(
            high: Float(clamp.high - output.view.zero_point),
            zero_point: output.view.zero_point + 128, low_byte: clamp.low + 128,
            high_byte: clamp.high + 128, flip: 0x80 ^ output.view.flip)
    }

    /// The vector kernels that may run a layer with these parameters.
    private func tileFunctions(_ parameters: LayerParameters) -> ik_tile_functions {
        let isPlain = !parameters.hasLowestWeight && parameters.multiplier.allSatisfy { $0 < 1 }
        return unsafe isPlain ? kernels.tile : kernels.tile_exact
    }

    /// The input's zero point as its bytes hold it.
    private func storedZeroPoint(_ layout: Layout) -> Int32 {
        layout.view.zero_point + (layout.view.flip == 0 ? 0 : 128)
    }

    // MARK: - Convolution

    /// A convolution over one group of channels, or over all.
    struct TileConvolution {
        var geometry: WindowGeometry
        /// [channel][kernel row][kernel column][input channel]
        var weights: [Int8]
        var parameters: LayerParameters
        var firstInputChannel = 0
        var inputChannels: Int
        var firstOutputChannel = 0
        var outputChannels: Int
    }

    /// - Returns: false when the tensors are too large for the kernels' tables.
    mutating func appendTiles(
        _ node: GraphNode, _ index: Int, _ geometry: WindowGeometry, _ parameters: LayerParameters,
        weights: [Int8], groups: Int, from: Layout, to: Layout
    ) throws(ModelError) -> Bool {
        guard fitsTables(from, to) else { return false }
        let outputs = geometry.output.channels / groups
        for group in 0..<groups {
            let slice = weights.count / groups
            try appendTile(
                TileConvolution(
                    geometry: geometry,
                    weights: Array(weights[group * slice..<(group + 1) * slice]),
                    parameters: parameters,
                    firstInputChannel: group * (geometry.input.channels / groups),
                    inputChannels: geometry.input.channels / groups,
                    firstOutputChannel: group * outputs, outputChannels: outputs),
                index, from: from, to: to)
        }
        return true
    }

    private mutating func appendTile(
        _ tile: TileConvolution, _ index: Int, from: Layout, to: Layout
    ) throws(ModelError) {
        let channels = tile.outputChannels
        let padded = (channels + 15) & ~15
        let block =
            [64, 32, 16].first {
                unsafe padded % $0 == 0 && $0 <= Int(kernels.largest_block)
            } ?? 16
        let isStrip = usesStrips(tile, block)
        let (segments, segmentBytes) = segments(tile, from, mergesRows: !isStrip)
        let pixels = pixels(tile.geometry, from, to)
        let isVector = pixels.inputs.count == 1 && segments.count == 1 && !isStrip
        let groups = (segmentBytes + 3) / 4

        let packed = unsafe try constants.allocate(
            Int8.self, count: padded * segments.count * groups * 4)
        let bias = unsafe try constants.allocate(Int32.self, count: padded)
        let multiplier = unsafe try constants.allocate(Float.self, count: padded)
        let range = tile.firstOutputChannel..<tile.firstOutputChannel + channels
        unsafe withPacking(
            weights: tile.weights, bias: Array(tile.parameters.bias[range]),
            multiplier: Array(tile.parameters.multiplier[range])
        ) { packing in
            unsafe packing.segments = Int32(segments.count)
            unsafe packing.segment_bytes = Int32(segmentBytes)
            unsafe packing.block = isVector ? kernels.gemv_block : Int32(block)
            unsafe packing.zero_point = storedZeroPoint(from)
            unsafe packing.taps = isStrip ? 3 : 1
            let pack = unsafe isVector ? ik_pack_gemv : ik_pack_conv
            unsafe pack(&packing, packed.baseAddress, bias.baseAddress, multiplier.baseAddress)
        }

        let (inputShift, outputShift) = (
            Int32(tile.firstInputChannel), Int32(tile.firstOutputChannel)
        )
        var step = unsafe ik_step()
        let functions = tileFunctions(tile.parameters)
        unsafe step.run =
            isVector ? functions.gemv : isStrip ? functions.conv_strip : functions.conv
        unsafe step.u.tile_conv = ik_tile_conv(
            weights: packed.baseAddress, bias: bias.baseAddress,
            multiplier: multiplier.baseAddress,
            pixel_input: try constants.store(pixels.inputs.map { $0 + inputShift }),
            pixel_output: try constants.store(pixels.outputs.map { $0 + outputShift }),
            segments: try constants.store(segments), pixels: Int32(pixels.inputs.count),
            segment_count: Int32(segments.count), segment_groups: Int32(groups),
            channels: Int32(channels), block: Int32(block),
            row_pixels: Int32(tile.geometry.output.width),
            pixel_bytes: Int32(from.view.channels),
            requantization: requantization(clamp: tile.parameters.clamp, to: to))
        unsafe append(step, from: from, to: to, index)
    }

    /// Whether conv_strip runs it.
    private func usesStrips(_ tile: TileConvolution, _ block: Int) -> Bool {
        let geometry = tile.geometry
        return unsafe kernels.tile.conv_strip != nil && geometry.kernel.width == 3
            && geometry.stride.width == 1 && geometry.dilation.width == 1
            && tile.inputChannels == geometry.input.channels && tile.inputChannels % 4 == 0
            && geometry.output.width >= Int(ik_least_strip(Int32(block)))
    }

    /// The runs of bytes that a window consists of, as few and long as the layout allows.
    private func segments(
        _ tile: TileConvolution, _ from: Layout, mergesRows: Bool
    ) -> ([Int32], bytes: Int) {
        let geometry = tile.geometry
        var offsets: [Int] = []
        for row in 0..<geometry.kernel.height {
            for column in 0..<geometry.kernel.width {
                offsets.append(
                    row * geometry.dilation.height * Int(from.view.row_stride)
                        + column * geometry.dilation.width * Int(from.view.channels))
            }
        }
        let rowBytes = geometry.kernel.width * tile.inputChannels
        for (count, bytes) in [
            (1, offsets.count * tile.inputChannels), (geometry.kernel.height, rowBytes),
        ] where mergesRows || bytes == rowBytes {
            let isContiguous = offsets.indices.allSatisfy { tap in
                let run = tap * tile.inputChannels / bytes
                let start = offsets[run * (offsets.count / count)]
                return offsets[tap] == start + tap * tile.inputChannels - run * bytes
            }
            if isContiguous {
                return ((0..<count).map { Int32(offsets[$0 * (offsets.count / count)]) }, bytes)
            }
        }
        return (offsets.map(Int32.init), tile.inputChannels)
    }

    /// Where the window of each output pixel starts, and where the pixel goes.
    private func pixels(
        _ geometry: WindowGeometry, _ from: Layout, _ to: Layout
    ) -> (inputs: [Int32], outputs: [Int32]) {
        var result: (inputs: [Int32], outputs: [Int32]) = ([], [])
        let (input, output) = (from.view, to.view)
        for batch in 0..<Int64(geometry.output.batches) {
            for row in 0..<Int64(geometry.output.height) {
                let top = row * Int64(geometry.stride.height) - Int64(geometry.vertical.padBefore)
                for column in 0..<Int64(geometry.output.width) {
                    let left =
                        column * Int64(geometry.stride.width)
                        - Int64(geometry.horizontal.padBefore)
                    result.inputs.append(
                        Int32(
                            batch * input.batch_stride + top * input.row_stride
                                + left * Int64(input.channels)))
                    result.outputs.append(
                        Int32(
                            batch * output.batch_stride + row * output.row_stride
                                + column * Int64(output.channels)))
                }
            }
        }
        return result
    }

    // MARK: - Depthwise convolution

    /// - Returns: false when the tensors are too large for the kernels' tables.
    mutating func appendDepthwiseTiles(
        _ index: Int, _ geometry: WindowGeometry, _ parameters: LayerParameters, from: Layout,
        to: Layout
    ) throws(ModelError) -> Bool {
        guard fitsTables(from, to) else { return false }
        let channels = geometry.input.channels
        let shape = depthwiseShape(geometry)
        let vectorBytes = unsafe Int(kernels.vector_bytes)
        let vectors = shape == .channels ? (channels + vectorBytes - 1) / vectorBytes : 1
        let laneChannels = (0..<vectors * vectorBytes).map { lane in
            shape != .channels ? Int32(lane % channels) : lane < channels ? Int32(lane) : -1
        }
        let taps = geometry.kernel.height * geometry.kernel.width
        let groups = (taps + 3) / 4
        let packed = unsafe try constants.allocate(
            Int8.self, count: vectors * vectorBytes * groups * 4)
        let bias = unsafe try constants.allocate(Int32.self, count: vectors * vectorBytes)
        let multiplier = unsafe try constants.allocate(Float.self, count: vectors * vectorBytes)
        unsafe withPacking(
            weights: weightValues(parameters), bias: parameters.bias,
            multiplier: parameters.multiplier
        ) { packing in
            unsafe packing.segments = Int32(taps)
            unsafe packing.segment_bytes = 1
            unsafe packing.zero_point = storedZeroPoint(from)
            unsafe ik_pack_depthwise(
                &packing, laneChannels, Int32(vectors), packed.baseAddress, bias.baseAddress,
                multiplier.baseAddress)
        }

        let blocks = depthwiseBlocks(geometry, shape, from, to)
        var step = unsafe ik_step()
        unsafe step.run = tileFunctions(parameters).depthwise
        unsafe step.u.tile_depthwise = ik_tile_depthwise(
            weights: packed.baseAddress, bias: bias.baseAddress,
            multiplier: multiplier.baseAddress,
            taps: try constants.store(tapOffsets(geometry, from, count: 4 * groups)),
            blocks: try constants.store(blocks), block_count: Int32(blocks.count),
            groups: Int32(groups), parts: Int32(shape == .parts ? vectorBytes / channels : 1),
            part_bytes: Int32(geometry.stride.width * channels),
            requantization: requantization(clamp: parameters.clamp, to: to))
        unsafe append(step, from: from, to: to, index)
        return true
    }

    /// What the lanes of a depthwise vector are.
    private enum DepthwiseShape {
        /// Channels of one pixel.
        case channels
        /// A stretch of a row: all channels of pixels that lie side by side.
        case row
        /// All channels of pixels that lie the stride apart.
        case parts
    }

    private func depthwiseShape(_ geometry: WindowGeometry) -> DepthwiseShape {
        let channels = geometry.input.channels
        let vectorBytes = unsafe Int(kernels.vector_bytes)
        guard vectorBytes % channels == 0, channels < vectorBytes else { return .channels }
        if geometry.stride.width == 1 { return .row }
        let parts = vectorBytes / channels
        // Reading past a row's end must stay within the arena's slack.
        let isNear = (parts - 1) * geometry.stride.width * channels + channels <= IK_SLACK_BYTES
        return unsafe parts <= kernels.most_parts && isNear ? .parts : .channels
    }

    private func withPacking(
        weights: [Int8], bias: [Int32], multiplier: [Float], _ body: (inout ik_packing) -> Void
    ) {
        unsafe weights.withUnsafeBufferPointer { weights in
            unsafe bias.withUnsafeBufferPointer { bias in
                unsafe multiplier.withUnsafeBufferPointer { multiplier in
                    var packing = unsafe ik_packing()
                    unsafe packing.weights = weights.baseAddress
                    unsafe packing.bias = bias.baseAddress
                    unsafe packing.multiplier = multiplier.baseAddress
                    unsafe packing.channels = Int32(bias.count)
                    unsafe packing.vector_bytes = kernels.vector_bytes
                    unsafe packing.taps = 1
                    unsafe body(&packing)
                }
            }
        }
    }

    /// Offsets of the taps; those that fill up the last group meet weights of zero.
    private func tapOffsets(_ geometry: WindowGeometry, _ from: Layout, count: Int) -> [Int32] {
        (0..<count).map { tap in
            guard tap < geometry.kernel.height * geometry.kernel.width else { return 0 }
            let (row, column) = tap.quotientAndRemainder(dividingBy: geometry.kernel.width)
            return Int32(
                row * geometry.dilation.height * Int(from.view.row_stride)
                    + column * geometry.dilation.width * Int(from.view.channels))
        }
    }

    private func depthwiseBlocks(
        _ geometry: WindowGeometry, _ shape: DepthwiseShape, _ from: Layout, _ to: Layout
    ) -> [ik_depthwise_block] {
        let channels = geometry.input.channels
        let vectorBytes = unsafe Int(kernels.vector_bytes)
        // A run is what follows on in input and output alike, or parts of one vector.
        let width = geometry.output.width
        let runPixels =
            switch shape {
            case .channels: 1
            case .row: width
            case .parts: vectorBytes / channels
            }
        var blocks: [ik_depthwise_block] = []
        for batch in 0..<geometry.output.batches {
            for row in 0..<geometry.output.height {
                let top = row * geometry.stride.height - geometry.vertical.padBefore
                for run in stride(from: 0, to: width, by: runPixels) {
                    let left = run * geometry.stride.width - geometry.horizontal.padBefore
                    let input =
                        batch * Int(from.view.batch_stride) + top * Int(from.view.row_stride)
                        + left * channels
                    let output =
                        batch * Int(to.view.batch_stride) + row * Int(to.view.row_stride)
                        + run * channels
                    let runBytes = min(runPixels, width - run) * channels
                    for byte in stride(from: 0, to: runBytes, by: vectorBytes) {
                        blocks.append(
                            ik_depthwise_block(
                                input: Int32(input + byte), output: Int32(output + byte),
                                weights: shape == .channels ? Int32(byte / vectorBytes) : 0,
                                lanes: Int32(min(vectorBytes, runBytes - byte))))
                    }
                }
            }
        }
        return blocks
    }

    // MARK: - Sum

    /// A sum of two tensors of one shape, with both zero points folded into one bias.
    mutating func appendTileAdd(
        _ index: Int, _ left: Int32, _ right: Int32, shift: Int,
        clamp: (low: Int32, high: Int32), _ first: Layout, _ second: Layout, _ to: Layout
    ) {
        let zeroPoints = (first.view.zero_point + 128, second.view.zero_point + 128)
        let rounding = Int32(1) << Int32(shift - 1)
        func pair(_ left: Int32, _ right: Int32) -> Int32 { right << 16 | left & 0xFFFF }
        var step = unsafe ik_step()
        unsafe step.run = kernels.tile.add
        unsafe step.u.tile_add = ik_tile_add(
            high_multipliers: pair(left >> 8, right >> 8),
            low_multipliers: pair(left & 0xFF, right & 0xFF), shift: Int32(shift),
            bias: rounding &- left &* zeroPoints.0 &- right &* zeroPoints.1,
            left_flip: 0x80 ^ first.view.flip, right_flip: 0x80 ^ second.view.flip,
            requantization: requantization(clamp: clamp, to: to))
        unsafe append(step, from: first, and: second, to: to, index)
    }
}
