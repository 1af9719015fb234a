internal import CInferenceKernels

extension PlanBuilder {
    /// Where a graph input or output lies in the arena.
    func range(of tensor: Int, isOutput: Bool, _ offsets: [Int]) throws(ModelError) -> Range<Int> {
        var copy = self
        let layout: Layout
        if isOutput, let place = outputPlaces[tensor] {
            layout = place
        } else {
            layout = try copy.layout(tensor)
        }
        let start = offsets[layout.storage]
        return start..<start + graph.tensors[tensor].elementCount * elementBytes(tensor)
    }

    /// What every session writes before its first run, and the constants that this copies from.
    func preparations(
        _ offsets: [Int]
    ) throws(ModelError) -> ([ModelPlan.Preparation], AlignedMemory) {
        var result: [ModelPlan.Preparation] = []
        var total = 0
        for (storage, offset) in zip(storages, offsets) {
            if let constant = storage.constant {
                result.append(
                    .init(
                        offset: offset, byteCount: constant.count, fill: 0, constantOffset: total))
                total += (constant.count + 63) & ~63
            } else if let fill = storage.fill {
                result.append(
                    .init(
                        offset: offset, byteCount: storage.request.byteCount, fill: fill,
                        constantOffset: nil))
            }
        }
        let memory = try AlignedMemory(byteCount: total)
        var place = 0
        for case let constant? in storages.map(\.constant) {
            unsafe (memory.base + place).copyMemory(
                from: graph.bytes.bytes(constant).baseAddress ?? UnsafeRawPointer(memory.base),
                byteCount: constant.count)
            place += (constant.count + 63) & ~63
        }
        return (result, memory)
    }

    /// The steps with offsets that count from the arena's start.
    func finishedSteps(_ offsets: [Int]) throws(ModelError) -> AlignedMemory {
        let memory = unsafe try AlignedMemory(byteCount: steps.count * MemoryLayout<ik_step>.stride)
        let finished = unsafe memory.base.bindMemory(to: ik_step.self, capacity: steps.count)
        for (index, pending) in steps.enumerated() {
            var step = unsafe pending.step
            unsafe step.input.offset += Int64(offsets[pending.input])
            if let second = pending.second {
                unsafe step.second.offset += Int64(offsets[second])
            }
            unsafe step.output.offset += Int64(offsets[pending.output])
            unsafe finished[index] = unsafe step
        }
        return memory
    }
}

extension Graph {
    /// - Throws: `invalidTensor` for one that a user of the model could not read or write.
    func describe(_ index: Int) throws(ModelError) -> TensorDescription {
        let tensor = tensors[index]
        guard let width = tensor.elementType.byteCount else {
            throw .invalidTensor(
                name: tensor.name, index: index,
                reason: "elements of type \(tensor.elementType.rawValue) at the model's edge")
        }
        return TensorDescription(
            name: tensor.name, shape: tensor.shape, elementType: tensor.elementType,
            scale: tensor.quantization?.scales.first ?? 1,
            zeroPoint: tensor.quantization?.zeroPoints.first ?? 0, labels: tensor.labels,
            elementCount: tensor.elementCount, byteCount: tensor.elementCount * width)
    }
}
