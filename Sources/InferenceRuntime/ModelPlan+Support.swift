extension ModelPlan {
    /// The operators of TensorFlow Lite that the reader takes, in the order of their codes. The
    /// reader itself is asked, so that the list cannot differ from what it does.
    package static let tfliteOperators: [String] = (0..<TFLiteOperatorNames.count).compactMap {
        let name = TFLiteOperatorNames.name(of: $0)
        do throws(ModelError) {
            _ = try TFLiteOptions(table: nil, name: name, position: 0).operation($0)
        } catch {
            // Any other error says that an option is missing.
            if case .unsupportedOperator = error { return nil }
        }
        return name
    }
}
