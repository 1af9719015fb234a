internal import CInferenceKernels

/// Lowering to the vector kernels: packed weights, tables of offsets, borders in the arena.
extension PlanBuilder {
    /// Whether the vector kernels run this convolution. Asked before its tensors have places.
    ///
    /// They do not where borders would be out of proportion, or where an input channel feeds
    /// several outputs; the scalar kernels do.
    func usesTiles(_ node: GraphNode, _ geometry: WindowGeometry) -> Bool {
        guard unsafe kernels.vector_bytes > 0 else { return false }
        if case .depthwiseConvolution = node.operation,
            geometry.input.channels != 1, geometry.input.channels != geometry.output.channels
        {
            return false
        }
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

    /// Values in the native domain are this much larger than signed ones.
    private var nativeOffset: Int32 { unsafe kernels.flip == 0 ? 0 : 128 }

    func requantization(
        clamp: (low: Int32, high: Int32), to output: Layout
    ) -> ik_requantization {
        ik_requantization(
            high: Float(clamp.high - output.view.zero_point),
            zero_point: output.view.zero_point + nativeOffset, low: clamp.low + nativeOffset,
            flip: unsafe kernels.flip ^ output.view.flip)
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
        let (segments, segmentBytes) = segments(tile, from)
        let pixels = pixels(tile.geometry, from, to)
        let isVector = pixels.inputs.count == 1 && segments.count == 1
        let padded = (channels + 15) & ~15
        let block = [64, 32, 16].first {
            unsafe padded % $0 == 0 && $0 <= Int(kernels.largest_block)
        } ?? 16
        let groups = (segmentBytes + 3) / 4

        let packed = unsafe try constants.allocate(
            Int8.self, count: padded * segments.count * groups * 4)
        unsafe tile.weights.withUnsafeBufferPointer { weights in
            if isVector {
                unsafe ik_pack_gemv(
                    packed.baseAddress, weights.baseAddress, Int32(channels), Int32(segmentBytes),
                    kernels.gemv_block)
            } else {
                unsafe ik_pack_conv(
                    packed.baseAddress, weights.baseAddress, Int32(channels),
                    Int32(segments.count), Int32(segmentBytes), Int32(block))
            }
        }
        let range = tile.firstOutputChannel..<tile.firstOutputChannel + channels
        let bias = unsafe try constants.allocate(Int32.self, count: padded)
        unsafe tile.weights.withUnsafeBufferPointer { weights in
            unsafe Array(tile.parameters.bias[range]).withUnsafeBufferPointer { source in
                unsafe ik_fold_bias(
                    bias.baseAddress, source.baseAddress, weights.baseAddress, Int32(channels),
                    Int64(weights.count / channels), from.view.zero_point + nativeOffset)
            }
        }
        let multiplier = unsafe try constants.allocate(Float.self, count: padded)
        _ = unsafe multiplier.update(fromContentsOf: tile.parameters.multiplier[range])

        let (inputShift, outputShift) = (
            Int32(tile.firstInputChannel), Int32(tile.firstOutputChannel)
        )
        var step = unsafe ik_step()
        let functions = unsafe tile.parameters.hasLowestWeight ? kernels.tile_exact : kernels.tile
        unsafe step.run = isVector ? functions.gemv : functions.conv
        unsafe step.u.tile_conv = ik_tile_conv(
            weights: packed.baseAddress, bias: bias.baseAddress,
            multiplier: multiplier.baseAddress,
            pixel_input: try constants.store(pixels.inputs.map { $0 + inputShift }),
            pixel_output: try constants.store(pixels.outputs.map { $0 + outputShift }),
            segments: try constants.store(segments), pixels: Int32(pixels.inputs.count),
            segment_count: Int32(segments.count), segment_groups: Int32(groups),
            channels: Int32(channels), block: Int32(block),
            requantization: requantization(clamp: tile.parameters.clamp, to: to))
        unsafe append(step, from: from, to: to, index)
    }

    /// The runs of bytes that a window consists of, as few and long as the layout allows.
    private func segments(_ tile: TileConvolution, _ from: Layout) -> ([Int32], bytes: Int) {
        let geometry = tile.geometry
        var offsets: [Int] = []
        for row in 0..<geometry.kernel.height {
            for column in 0..<geometry.kernel.width {
                offsets.append(
                    row * geometry.dilation.height * Int(from.view.row_stride)
                        + column * geometry.dilation.width * Int(from.view.channels))
            }
        }
        for (count, bytes) in [
            (1, offsets.count * tile.inputChannels),
            (geometry.kernel.height, geometry.kernel.width * tile.inputChannels),
        ] {
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
        let vectorBytes = unsafe Int(kernels.vector_bytes)
        // Neighbouring pixels fill a vector when they are neighbours in the output too.
        let spansPixels = geometry.stride.width == 1 && vectorBytes % channels == 0
        let vectors = spansPixels ? 1 : (channels + vectorBytes - 1) / vectorBytes
        let laneChannels = (0..<vectors * vectorBytes).map { lane in
            spansPixels ? Int32(lane % channels) : lane < channels ? Int32(lane) : -1
        }
        let taps = geometry.kernel.height * geometry.kernel.width
        let groups = (taps + 3) / 4
        let packed = unsafe try constants.allocate(
            Int8.self, count: vectors * vectorBytes * groups * 4)
        let bias = unsafe try constants.allocate(Int32.self, count: vectors * vectorBytes)
        let multiplier = unsafe try constants.allocate(Float.self, count: vectors * vectorBytes)
        let weights = unsafe graph.bytes.bytes(parameters.weights)
        unsafe ik_pack_depthwise(
            packed.baseAddress, bias.baseAddress, multiplier.baseAddress,
            weights.baseAddress?.assumingMemoryBound(to: Int8.self), parameters.bias,
            parameters.multiplier, laneChannels, Int32(vectors), Int32(vectorBytes), Int32(taps),
            Int32(channels), from.view.zero_point + nativeOffset)

        let blocks = depthwiseBlocks(
            geometry, from, to, spansPixels: spansPixels, vectorBytes: vectorBytes)
        var step = unsafe ik_step()
        unsafe step.run =
            parameters.hasLowestWeight ? kernels.tile_exact.depthwise : kernels.tile.depthwise
        unsafe step.u.tile_depthwise = ik_tile_depthwise(
            weights: packed.baseAddress, bias: bias.baseAddress,
            multiplier: multiplier.baseAddress,
            taps: try constants.store(tapOffsets(geometry, from, count: 4 * groups)),
            blocks: try constants.store(blocks), block_count: Int32(blocks.count),
            groups: Int32(groups),
            requantization: requantization(clamp: parameters.clamp, to: to))
        unsafe append(step, from: from, to: to, index)
        return true
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
        _ geometry: WindowGeometry, _ from: Layout, _ to: Layout, spansPixels: Bool,
        vectorBytes: Int
    ) -> [ik_depthwise_block] {
        let channels = geometry.input.channels
        let runs = spansPixels ? 1 : geometry.output.width
        let runBytes = spansPixels ? geometry.output.width * channels : channels
        var blocks: [ik_depthwise_block] = []
        for batch in 0..<geometry.output.batches {
            for row in 0..<geometry.output.height {
                let top = row * geometry.stride.height - geometry.vertical.padBefore
                for run in 0..<runs {
                    let left = run * geometry.stride.width - geometry.horizontal.padBefore
                    let input =
                        batch * Int(from.view.batch_stride) + top * Int(from.view.row_stride)
                        + left * channels
                    let output =
                        batch * Int(to.view.batch_stride) + row * Int(to.view.row_stride)
                        + run * channels
                    for byte in stride(from: 0, to: runBytes, by: vectorBytes) {
                        blocks.append(
                            ik_depthwise_block(
                                input: Int32(input + byte), output: Int32(output + byte),
                                weights: spansPixels ? 0 : Int32(byte / vectorBytes),
                                lanes: Int32(min(vectorBytes, runBytes - byte))))
                    }
                }
            }
        }
        return blocks
    }
}
