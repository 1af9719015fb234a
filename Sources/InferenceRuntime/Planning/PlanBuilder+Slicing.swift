internal import CInferenceKernels

extension PlanBuilder {
    // MARK: - Padding

    /// Amounts before and after each axis, none negative.
    private func paddings(
        _ node: GraphNode, rank: Int
    ) throws(ModelError) -> [(before: Int, after: Int)] {
        let tensor = try input(node, 1)
        let amounts = try integers(tensor, node)
        guard shape(tensor) == [rank, 2] else {
            throw invalid(node, "its paddings are not \(rank) x 2")
        }
        guard amounts.allSatisfy({ $0 >= 0 && $0 <= Int(Int32.max) }) else {
            throw invalid(node, "paddings \(amounts)")
        }
        return (0..<rank).map { (amounts[2 * $0], amounts[2 * $0 + 1]) }
    }

    mutating func lowerPad(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let amounts = try paddings(node, rank: shape(x).count)
        try require(
            y, hasShape: zip(shape(x), amounts).map { $0 + $1.before + $1.after }, node)
        try requireSameElements(x, as: y, node)
        var element = [UInt8](repeating: 0, count: 8)
        if node.inputs.count > 2, let value = node.inputs[2] {
            guard let bytes = graph.tensors[value].constant, type(value) == type(y),
                graph.tensors[value].elementCount == 1
            else { throw unsupported(node, "a padding value that is not one constant") }
            if is8Bit(y), graph.tensors[value].quantization != graph.tensors[y].quantization {
                throw unsupported(node, "a padding value of another quantization")
            }
            for byte in 0..<min(bytes.count, 8) {
                element[byte] = try graph.bytes.load(UInt8.self, at: bytes.lowerBound + byte)
            }
            // To the signed domain.
            if type(y) == .uint8 { element[0] ^= 0x80 }
        } else if is8Bit(y) {
            element[0] = UInt8(
                truncatingIfNeeded: graph.tensors[y].quantization == nil && type(y) == .uint8
                    ? -128 : signedZeroPoint(y))
        }
        let from = try layout(x)
        let to = try outputLayout(y)
        element[0] ^= to.view.flip
        try fill(shape(y), of: to, strides(to, y), with: element, elementBytes(y), node, index)
        let outputStrides = strides(to, y)
        let offset = zip(amounts, outputStrides).reduce(0) { $0 + $1.0.before * $1.1 }
        try copyBox(
            shape(x), from: from, at: 0, strides(from, x), to: to, at: offset, outputStrides,
            element: elementBytes(y), node, index)
    }

    private mutating func fill(
        _ extents: [Int], of output: Layout, _ outputStrides: [Int], with value: [UInt8],
        _ element: Int, _ node: GraphNode, _ index: Int
    ) throws(ModelError) {
        var box = Box(extents, [outputStrides])
        var block = element
        if let last = box.extents.indices.last, box.strides[0][last] == element {
            block *= box.extents.removeLast()
            box.strides[0].removeLast()
        }
        let parameters = unsafe try stored(
            ik_block_fill(
                extent: try axes(box.extents, filler: 1, node),
                output_stride: try axes(box.strides[0], filler: 0, node),
                block_bytes: Int64(block), element_bytes: Int64(element),
                element: (
                    value[0], value[1], value[2], value[3], value[4], value[5], value[6], value[7]
                )))
        unsafe append(ik_scalar_block_fill, parameters, from: output, to: output, index)
    }

    /// Axis by axis: the middle is copied, then each border is filled from what lies inside.
    mutating func lowerMirrorPad(
        _ node: GraphNode, _ index: Int, includesEdge: Bool
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let amounts = try paddings(node, rank: shape(x).count)
        let least = includesEdge ? 0 : 1
        for (extent, amount) in zip(shape(x), amounts) {
            guard max(amount.before, amount.after) <= extent - least else {
                throw invalid(node, "a padding of \(amount) around \(extent) elements")
            }
        }
        try require(
            y, hasShape: zip(shape(x), amounts).map { $0 + $1.before + $1.after }, node)
        try requireSameElements(x, as: y, node)
        let from = try layout(x)
        let to = try outputLayout(y)
        let outputStrides = strides(to, y)
        let element = elementBytes(y)
        var start = zip(amounts, outputStrides).reduce(0) { $0 + $1.0.before * $1.1 }
        try copyBox(
            shape(x), from: from, at: 0, strides(from, x), to: to, at: start, outputStrides,
            element: element, node, index)
        var extents = shape(x)
        for axis in extents.indices {
            let (before, after) = amounts[axis]
            let step = outputStrides[axis]
            var backwards = outputStrides
            backwards[axis] = -step
            var part = extents
            if before > 0 {
                part[axis] = before
                try copyBox(
                    part, from: to, at: start + (before - 1 + least) * step, backwards, to: to,
                    at: start - before * step, outputStrides, element: element, node, index)
            }
            if after > 0 {
                part[axis] = after
                try copyBox(
                    part, from: to, at: start + (extents[axis] - 1 - least) * step, backwards,
                    to: to, at: start + extents[axis] * step, outputStrides, element: element, node,
                    index)
            }
            start -= before * step
            extents[axis] += before + after
        }
    }

    // MARK: - Slices

    mutating func lowerSlice(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let begins = try integers(try input(node, 1), node)
        var sizes = try integers(try input(node, 2), node)
        guard begins.count == shape(x).count, sizes.count == begins.count else {
            throw invalid(node, "its arguments do not have one number for each axis")
        }
        for (axis, extent) in shape(x).enumerated() {
            guard begins[axis] >= 0, begins[axis] < extent else {
                throw invalid(node, "it begins at \(begins[axis]) of \(extent)")
            }
            if sizes[axis] == -1 { sizes[axis] = extent - begins[axis] }
            guard sizes[axis] > 0, sizes[axis] <= extent - begins[axis] else {
                throw invalid(node, "\(sizes[axis]) elements from \(begins[axis]) of \(extent)")
            }
        }
        try require(y, hasShape: sizes, node)
        try take(
            node, index, begins: begins, steps: Array(repeating: 1, count: sizes.count),
            extents: sizes)
    }

    /// Copies every `steps`-th element from `begins` on.
    private mutating func take(
        _ node: GraphNode, _ index: Int, begins: [Int], steps: [Int], extents: [Int]
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        try requireSameElements(x, as: y, node)
        let from = try layout(x)
        let inputStrides = strides(from, x)
        let to = try outputLayout(y)
        // The output has the same elements without the axes that were dropped or added, so its
        // strides come from its shape; axes that only one of them has are 1 long.
        var outputStrides: [Int] = []
        var place = shape(y).count - 1
        let own = strides(to, y)
        for axis in extents.indices.reversed() {
            if extents[axis] == 1 {
                outputStrides.append(0)
                continue
            }
            while shape(y)[place] == 1 { place -= 1 }
            outputStrides.append(own[place])
            place -= 1
        }
        outputStrides.reverse()
        let offset = zip(begins, inputStrides).reduce(0) { $0 + $1.0 * $1.1 }
        try copyBox(
            extents, from: from, at: offset, zip(inputStrides, steps).map { $0 * $1 }, to: to,
            at: 0,
            outputStrides, element: elementBytes(y), node, index)
    }

    mutating func lowerStridedSlice(
        _ node: GraphNode, _ index: Int, _ masks: StridedSliceMasks
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let slice = try StridedSlice(
            shape: shape(x), begin: try integers(try input(node, 1), node),
            end: try integers(try input(node, 2), node),
            step: try integers(try input(node, 3), node), masks: masks, node)
        try require(y, hasShape: slice.shape, node)
        try take(
            node, index, begins: slice.begins, steps: slice.steps, extents: slice.extents)
    }

    // MARK: - Blocks

    /// [batch, space…, rest…] → [batch · block, space / block…, rest…] after padding.
    mutating func lowerSpaceToBatch(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let blocks = try blockShape(node, rank: shape(x).count)
        let amounts = try integers(try input(node, 2), node)
        guard amounts.count == 2 * blocks.count, amounts.allSatisfy({ $0 >= 0 && $0 < 1 << 30 })
        else { throw invalid(node, "paddings \(amounts)") }
        var expected = shape(x)
        for (axis, block) in blocks.enumerated() {
            let padded = expected[axis + 1] + amounts[2 * axis] + amounts[2 * axis + 1]
            guard padded % block == 0 else {
                throw invalid(node, "blocks of \(block) in \(padded) elements")
            }
            expected[axis + 1] = padded / block
        }
        expected[0] *= blocks.reduce(1, *)
        try require(y, hasShape: expected, node)
        try requireSameElements(x, as: y, node)
        let from = try layout(x)
        let to = try outputLayout(y)
        var zero = [UInt8](repeating: 0, count: 8)
        zero[0] = UInt8(truncatingIfNeeded: signedZeroPoint(y)) ^ to.view.flip
        try fill(shape(y), of: to, strides(to, y), with: zero, elementBytes(y), node, index)
        try exchange(
            node, index, blocks, space: shape(x), spaceLayout: from,
            spaceStrides: strides(from, x), batch: shape(y), batchLayout: to,
            batchStrides: strides(to, y), first: (0..<blocks.count).map { amounts[2 * $0] },
            toBatch: true)
    }

    mutating func lowerBatchToSpace(_ node: GraphNode, _ index: Int) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        let blocks = try blockShape(node, rank: shape(x).count)
        let crops = try integers(try input(node, 2), node)
        let product = blocks.reduce(1, *)
        guard crops.count == 2 * blocks.count, crops.allSatisfy({ $0 >= 0 && $0 < 1 << 30 }),
            shape(x)[0] % product == 0
        else { throw invalid(node, "crops \(crops) and blocks \(blocks)") }
        var expected = shape(x)
        expected[0] /= product
        for (axis, block) in blocks.enumerated() {
            expected[axis + 1] =
                shape(x)[axis + 1] * block - crops[2 * axis] - crops[2 * axis + 1]
        }
        try require(y, hasShape: expected, node)
        try requireSameElements(x, as: y, node)
        let from = try layout(x)
        let to = try outputLayout(y)
        try exchange(
            node, index, blocks, space: shape(y), spaceLayout: to, spaceStrides: strides(to, y),
            batch: shape(x), batchLayout: from, batchStrides: strides(from, x),
            first: (0..<blocks.count).map { crops[2 * $0] }, toBatch: false)
    }

    private func blockShape(_ node: GraphNode, rank: Int) throws(ModelError) -> [Int] {
        let blocks = try integers(try input(node, 1), node)
        guard blocks.count < rank, !blocks.isEmpty, blocks.allSatisfy({ $0 >= 1 && $0 <= 1_024 }),
            blocks.reduce(1, { min($0 * $1, 1 << 20) }) <= 4_096
        else { throw invalid(node, "blocks \(blocks) of \(rank) axes") }
        return blocks
    }

    /// Copies between the two arrangements: one box for each position within a block.
    ///
    /// - Parameter first: where the space begins inside the padded one.
    private mutating func exchange(
        _ node: GraphNode, _ index: Int, _ blocks: [Int], space: [Int], spaceLayout: Layout,
        spaceStrides: [Int], batch: [Int], batchLayout: Layout, batchStrides: [Int],
        first: [Int], toBatch: Bool
    ) throws(ModelError) {
        let product = blocks.reduce(1, *)
        for position in 0..<product {
            var rest = position
            var within = [Int](repeating: 0, count: blocks.count)
            for axis in blocks.indices.reversed() {
                within[axis] = rest % blocks[axis]
                rest /= blocks[axis]
            }
            var extents = space
            var strides = spaceStrides
            var spaceOffset = 0
            var batchOffset = position * space[0] * batchStrides[0]
            for axis in blocks.indices {
                // Padded coordinate = block · i + within; the space holds it minus `first`.
                let block = blocks[axis]
                let low = max(0, (first[axis] - within[axis] + block - 1) / block)
                let last = first[axis] + space[axis + 1] - 1 - within[axis]
                extents[axis + 1] = last < 0 ? 0 : last / block - low + 1
                strides[axis + 1] = spaceStrides[axis + 1] * block
                spaceOffset += (low * block + within[axis] - first[axis]) * spaceStrides[axis + 1]
                batchOffset += low * batchStrides[axis + 1]
            }
            if extents.contains(where: { $0 <= 0 }) { continue }
            if toBatch {
                try copyBox(
                    extents, from: spaceLayout, at: spaceOffset, strides, to: batchLayout,
                    at: batchOffset, batchStrides, element: elementBytes(node.outputs[0]), node,
                    index)
            } else {
                try copyBox(
                    extents, from: batchLayout, at: batchOffset, batchStrides, to: spaceLayout,
                    at: spaceOffset, strides, element: elementBytes(node.outputs[0]), node, index)
            }
        }
    }
}
