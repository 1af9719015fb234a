/// Layers with weights, pools and normalizations.
extension ONNXGraphBuilder {
    /// - Returns: false for an operator that is not here.
    mutating func lowerLayers(_ context: Context) throws(ModelError) -> Bool {
        switch context.node.operation {
        default: return false
        }
    }
}
