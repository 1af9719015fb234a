import Foundation

/// A message in protobuf's encoding, for models that a test makes up.
struct ProtobufMessage {
    private(set) var bytes: [UInt8] = []

    static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    mutating func add(_ number: Int, _ value: Int) {
        bytes += Self.varint(UInt64(number << 3)) + Self.varint(UInt64(bitPattern: Int64(value)))
    }

    mutating func add(_ number: Int, _ value: Float) {
        bytes += Self.varint(UInt64(number << 3 | 5))
        for byte in 0..<4 { bytes.append(UInt8(value.bitPattern >> (8 * byte) & 0xFF)) }
    }

    mutating func add(_ number: Int, _ value: [UInt8]) {
        bytes += Self.varint(UInt64(number << 3 | 2)) + Self.varint(UInt64(value.count)) + value
    }

    mutating func add(_ number: Int, _ value: String) { add(number, Array(value.utf8)) }

    mutating func add(_ number: Int, _ value: ProtobufMessage) { add(number, value.bytes) }
}

/// An ONNX model that a test makes up.
struct ONNXWriter {
    struct Node {
        var operation: String
        var domain = ""
        var inputs: [String]
        var outputs: [String]
        var attributes: [ProtobufMessage] = []
    }

    var inputs: [(name: String, type: Int, shape: [Int])] = []
    var outputs: [(name: String, type: Int, shape: [Int])] = []
    var nodes: [Node] = []
    var initializers: [ProtobufMessage] = []
    var version = 17

    static func attribute(_ name: String, _ values: [Int]) -> ProtobufMessage {
        var message = ProtobufMessage()
        message.add(1, name)
        for value in values { message.add(8, value) }
        return message
    }

    static func attribute(_ name: String, _ values: [Float]) -> ProtobufMessage {
        var message = ProtobufMessage()
        message.add(1, name)
        for value in values { message.add(7, value) }
        return message
    }

    static func attribute(_ name: String, _ values: [String]) -> ProtobufMessage {
        var message = ProtobufMessage()
        message.add(1, name)
        for value in values { message.add(9, value) }
        return message
    }

    static func attribute(_ name: String, integer: Int) -> ProtobufMessage {
        var message = ProtobufMessage()
        message.add(1, name)
        message.add(3, integer)
        return message
    }

    static func attribute(_ name: String, string: String) -> ProtobufMessage {
        var message = ProtobufMessage()
        message.add(1, name)
        message.add(4, string)
        return message
    }

    var bytes: [UInt8] {
        var graph = ProtobufMessage()
        for node in nodes {
            var message = ProtobufMessage()
            for input in node.inputs { message.add(1, input) }
            for output in node.outputs { message.add(2, output) }
            message.add(4, node.operation)
            if !node.domain.isEmpty { message.add(7, node.domain) }
            for attribute in node.attributes { message.add(5, attribute) }
            graph.add(1, message)
        }
        for initializer in initializers { graph.add(5, initializer) }
        for (number, values) in [(11, inputs), (12, outputs)] {
            for value in values { graph.add(number, Self.info(value)) }
        }
        var model = ProtobufMessage()
        model.add(1, 8)
        model.add(7, graph)
        for (domain, number) in [("", version), ("ai.onnx.ml", 3)] {
            var set = ProtobufMessage()
            set.add(1, domain)
            set.add(2, number)
            model.add(8, set)
        }
        return model.bytes
    }

    private static func info(_ value: (name: String, type: Int, shape: [Int])) -> ProtobufMessage {
        var shape = ProtobufMessage()
        for size in value.shape {
            var dimension = ProtobufMessage()
            dimension.add(1, size)
            shape.add(1, dimension)
        }
        var tensor = ProtobufMessage()
        tensor.add(1, value.type)
        tensor.add(2, shape)
        var type = ProtobufMessage()
        type.add(1, tensor)
        var info = ProtobufMessage()
        info.add(1, value.name)
        info.add(2, type)
        return info
    }
}
