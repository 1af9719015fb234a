/// One node of an ONNX graph with its attributes and its place in messages.
struct ONNXNodeReader {
    let node: ONNXModel.Node
    let position: Int
    /// Version of the operator set that the node is of.
    let version: Int
    /// Element type of the first input, where it matters.
    var inputType: ElementType?
    let limits: ModelLimits

    /// The operator as errors and plans name it.
    var name: String { Self.name(node) }

    static func name(_ node: ONNXModel.Node) -> String {
        node.domain.isEmpty ? node.operation : "\(node.domain).\(node.operation)"
    }

    func unsupported(_ reason: String) -> ModelError {
        .unsupportedForm(name: name, position: position, reason: reason)
    }

    func invalid(_ reason: String) -> ModelError {
        .invalidOperator(name: name, position: position, reason: reason)
    }

    private func attribute(_ name: String) -> ONNXAttribute? {
        node.attributes.last { $0.name == name }
    }

    func has(_ name: String) -> Bool { attribute(name) != nil }

    func integer(_ name: String) throws(ModelError) -> Int? {
        try attribute(name)?.integer()
    }

    func float(_ name: String) throws(ModelError) -> Float? {
        try attribute(name)?.float()
    }

    func string(_ name: String) throws(ModelError) -> String? {
        try attribute(name)?.string()
    }

    /// Empty when the attribute is not there.
    func integers(_ name: String) throws(ModelError) -> [Int] {
        guard let attribute = attribute(name) else { return [] }
        return try attribute.integers()
    }

    func floats(_ name: String) throws(ModelError) -> [Float] {
        guard let attribute = attribute(name) else { return [] }
        return try attribute.floats()
    }

    func strings(_ name: String) throws(ModelError) -> [String] {
        guard let attribute = attribute(name) else { return [] }
        return try attribute.strings()
    }

    func tensor(_ name: String) throws(ModelError) -> ONNXTensor? {
        guard let attribute = attribute(name) else { return nil }
        return try attribute.tensor(limits)
    }

    /// Modes of tree nodes; nil for a leaf.
    func modes(_ name: String) throws(ModelError) -> [TreeEnsemble.Mode?] {
        guard let attribute = attribute(name) else { return [] }
        return unsafe try attribute.mapStrings { bytes -> TreeEnsemble.Mode?? in
            switch unsafe String(decoding: bytes, as: UTF8.self) {
            case "LEAF": .some(.none)
            case "BRANCH_LEQ": .some(.some(.lessOrEqual))
            case "BRANCH_LT": .some(.some(.less))
            case "BRANCH_GTE": .some(.some(.greaterOrEqual))
            case "BRANCH_GT": .some(.some(.greater))
            case "BRANCH_EQ": .some(.some(.equal))
            case "BRANCH_NEQ": .some(.some(.notEqual))
            default: .none
            }
        }
    }

    func postTransform() throws(ModelError) -> TreeEnsemble.PostTransform {
        switch try string("post_transform") ?? "NONE" {
        case "NONE": .none
        case "LOGISTIC": .logistic
        case "SOFTMAX": .softmax
        case "SOFTMAX_ZERO": .softmaxZero
        case "PROBIT": .probit
        case let other: throw invalid("post_transform is '\(other)'")
        }
    }

    /// The window attribute of convolutions and pools.
    func integers(_ name: String, count: Int, default value: Int) throws(ModelError) -> [Int] {
        let values = try integers(name)
        if values.isEmpty { return Array(repeating: value, count: count) }
        guard values.count == count else {
            throw invalid("\(name) has \(values.count) values where \(count) belong")
        }
        return values
    }
}
