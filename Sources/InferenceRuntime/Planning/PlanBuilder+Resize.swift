internal import CInferenceKernels

extension PlanBuilder {
    mutating func lowerResize(
        _ node: GraphNode, _ index: Int, _ resize: Resize
    ) throws(ModelError) {
        let (x, y) = (try input(node, 0), try output(node))
        guard shape(x).count == 4, shape(y).count == 4 else {
            throw invalid(node, "it needs tensors of four dimensions")
        }
        let size = try integers(try input(node, 1), node)
        guard size.count == 2, size.allSatisfy({ $0 > 0 }) else {
            throw invalid(node, "a size of \(size)")
        }
        guard !(resize.alignsCorners && resize.hasHalfPixelCenters) else {
            throw invalid(node, "both aligned corners and half-pixel centers")
        }
        try require(y, hasShape: [shape(x)[0], size[0], size[1], shape(x)[3]], node)
        try requireSameElements(x, as: y, node)
        try count(multiplyAdds: graph.tensors[y].elementCount, 4)
        let from = try layout(x)
        let to = try outputLayout(y)
        var step = unsafe ik_step()
        switch (resize.isBilinear, type(x)) {
        case (false, _): unsafe step.run = ik_scalar_resize_nearest
        case (true, .float32): unsafe step.run = ik_scalar_resize_bilinear_f32
        case (true, .int8), (true, .uint8): unsafe step.run = ik_scalar_resize_bilinear_qs8
        case (true, .int16): unsafe step.run = ik_scalar_resize_bilinear_qs16
        default: throw unsupported(node, "elements of type \(type(x).rawValue)")
        }
        let is16Bit = type(x) == .int16
        let rows = resize.places(from: shape(x)[1], to: size[0], is16Bit: is16Bit)
        let columns = resize.places(from: shape(x)[2], to: size[1], is16Bit: is16Bit)
        unsafe step.u.parameters = unsafe try stored(
            ik_resize(
                rows: try constants.store(rows), columns: try constants.store(columns),
                element_bytes: Int64(elementBytes(x))))
        unsafe append(step, from: from, to: to, index)
    }
}

extension Resize {
    /// Where each of `outputs` rows or columns lies among `inputs`.
    fileprivate func places(from inputs: Int, to outputs: Int, is16Bit: Bool) -> [ik_resize_place] {
        (0..<outputs).map { place in
            if !isBilinear { return nearest(place, inputs, outputs) }
            return is16Bit ? integer(place, inputs, outputs) : real(place, inputs, outputs)
        }
    }

    /// - Source: GetNearestNeighbor of LiteRT's kernels/internal/reference/resize_nearest_neighbor.h.
    private func nearest(_ place: Int, _ inputs: Int, _ outputs: Int) -> ik_resize_place {
        let scale =
            alignsCorners && outputs > 1
            ? Float(inputs - 1) / Float(outputs - 1) : Float(inputs) / Float(outputs)
        let real = (Float(place) + (hasHalfPixelCenters ? 0.5 : 0)) * scale
        let rounded = real.rounded(alignsCorners ? .toNearestOrAwayFromZero : .down)
        let index = Int32(max(0, min(Int(rounded), inputs - 1)))
        return ik_resize_place(low: index, high: index, fixed: 0, weight: 0)
    }

    /// - Source: xnn_indirection_init_resize_bilinear2d_hwc_q11 of XNNPACK's indirection.c.
    private func real(_ place: Int, _ inputs: Int, _ outputs: Int) -> ik_resize_place {
        let adjustment = alignsCorners && outputs != 1 ? 1 : 0
        let scale = Float(inputs - adjustment) / Float(outputs - adjustment)
        var real = Float(place) * scale
        if hasHalfPixelCenters { real = max(real + (0.5 * scale - 0.5), 0) }
        real = min(real, Float(inputs - 1))
        let low = Int32(real)
        let weight = real - Float(low)
        return ik_resize_place(
            low: low, high: min(low + 1, Int32(inputs - 1)),
            fixed: Int32((weight * 2_048).rounded(.toNearestOrEven)), weight: weight)
    }

    /// - Source: ComputeInterpolationValuesInteger of LiteRT's
    ///   kernels/internal/reference/resize_bilinear.h.
    private func integer(_ place: Int, _ inputs: Int, _ outputs: Int) -> ik_resize_place {
        let adjustment = alignsCorners && outputs > 1 ? 1 : 0
        let (from, to) = (inputs - adjustment, outputs - adjustment)
        let scale = (1_024 * from + to / 2) / to
        let scaled = place * scale + (hasHalfPixelCenters ? scale / 2 - 512 : 0)
        let low = min(max(scaled / 1_024, 0), inputs - 1)
        let high = max(0, min((scaled + 1_023) / 1_024, inputs - 1))
        return ik_resize_place(
            low: Int32(low), high: Int32(high),
            fixed: Int32(truncatingIfNeeded: scaled - 1_024 * low), weight: 0)
    }
}
