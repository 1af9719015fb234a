extension Graph {
    /// Reads a model in whichever format its bytes are.
    ///
    /// - Throws: `malformed` with `notTFLite` when they are in none.
    init(_ file: ModelBytes, limits: ModelLimits) throws(ModelError) {
        // TensorFlow Lite's identifier decides; ONNX has none, but a model begins with one of a few
        // fields.
        if !file.isTFLite && ONNXModel.recognises(file) {
            self = try ONNXGraphBuilder(try ONNXModel(file, limits: limits), limits: limits).build()
                .droppingUnused()
        } else {
            self = try TFLiteReader(file, limits: limits).readGraph()
                .droppingUnused().resolvingOpenExtents(limits).dequantizingWeights()
                .foldingConstants(limits)
        }
    }
}
