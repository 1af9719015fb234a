/// Writes TensorFlow Lite files, so that a test can ask for any operator it likes.
struct TFLiteWriter {
    /// A value of a FlatBuffers field.
    indirect enum Field {
        case int8(Int8)
        case int32(Int32)
        case float(Float)
        case table([Int: Field])
        case tables([[Int: Field]])
        case bytes([UInt8])
        case int32s([Int32])
        case int64s([Int64])
        case floats([Float])
    }

    struct Tensor {
        var shape: [Int]
        /// 0 float32, 2 int32, 3 uint8, 9 int8.
        var type: Int8
        var scales: [Float] = []
        var zeroPoint = 0
        var axis = 0
        var data: [UInt8] = []
    }

    var tensors: [Tensor] = []
    private var operators: [[Int: Field]] = []
    private var codes: [[Int: Field]] = []

    mutating func add(_ tensor: Tensor) -> Int32 {
        tensors.append(tensor)
        return Int32(tensors.count - 1)
    }

    mutating func add(
        _ code: Int32, inputs: [Int32], outputs: [Int32], options: [Int: Field]? = nil
    ) {
        codes.append([0: .int8(Int8(min(code, 127))), 3: .int32(code)])
        var fields: [Int: Field] = [
            0: .int32(Int32(codes.count - 1)), 1: .int32s(inputs), 2: .int32s(outputs),
        ]
        if let options { fields[4] = .table(options) }
        operators.append(fields)
    }

    func file(inputs: [Int32], outputs: [Int32]) -> [UInt8] {
        var buffers: [[Int: Field]] = [[:]]
        var tables: [[Int: Field]] = []
        for (index, tensor) in tensors.enumerated() {
            var fields: [Int: Field] = [
                0: .int32s(tensor.shape.map(Int32.init)), 1: .int8(tensor.type),
                3: .bytes(Array("tensor \(index)".utf8)),
            ]
            if !tensor.data.isEmpty {
                fields[2] = .int32(Int32(buffers.count))
                buffers.append([0: .bytes(tensor.data)])
            }
            if !tensor.scales.isEmpty {
                fields[4] = .table([
                    2: .floats(tensor.scales),
                    3: .int64s(tensor.scales.map { _ in Int64(tensor.zeroPoint) }),
                    6: .int32(Int32(tensor.axis)),
                ])
            }
            tables.append(fields)
        }
        let graph: [Int: Field] = [
            0: .tables(tables), 1: .int32s(inputs), 2: .int32s(outputs), 3: .tables(operators),
        ]
        var bytes: [UInt8] = [0, 0, 0, 0] + Array("TFL3".utf8)
        let root = Self.write(
            [0: .int32(3), 1: .tables(codes), 2: .tables([graph]), 4: .tables(buffers)], &bytes)
        Self.patch(&bytes, at: 0, UInt32(root))
        return bytes
    }

    // MARK: - FlatBuffers: parents first, children behind them

    private static func write(_ fields: [Int: Field], _ bytes: inout [UInt8]) -> Int {
        let count = (fields.keys.max() ?? -1) + 1
        let ordered = fields.sorted { $0.key < $1.key }
        let table = bytes.count + 4 + 2 * count
        var slots = [UInt16](repeating: 0, count: count)
        for (place, field) in ordered.enumerated() { slots[field.key] = UInt16(4 + 4 * place) }
        for value in [UInt16(4 + 2 * count), UInt16(4 + 4 * ordered.count)] + slots {
            append(&bytes, value)
        }
        append(&bytes, UInt32(4 + 2 * count))  // back to the virtual table
        for (_, field) in ordered {
            switch field {
            case .int8(let value): append(&bytes, UInt32(UInt8(bitPattern: value)))
            case .int32(let value): append(&bytes, value)
            case .float(let value): append(&bytes, value.bitPattern)
            default: append(&bytes, UInt32(0))
            }
        }
        for (place, (_, field)) in ordered.enumerated() {
            let reference = table + 4 + 4 * place
            if let child = child(field, &bytes) {
                patch(&bytes, at: reference, UInt32(child - reference))
            }
        }
        return table
    }

    private static func child(_ field: Field, _ bytes: inout [UInt8]) -> Int? {
        let start = bytes.count
        switch field {
        case .int8, .int32, .float: return nil
        case .table(let fields): return write(fields, &bytes)
        case .tables(let tables):
            append(&bytes, UInt32(tables.count))
            for _ in tables { append(&bytes, UInt32(0)) }
            for (index, fields) in tables.enumerated() {
                let reference = start + 4 + 4 * index
                let table = write(fields, &bytes)
                patch(&bytes, at: reference, UInt32(table - reference))
            }
        case .bytes(let values):
            append(&bytes, UInt32(values.count))
            bytes += values
        case .int32s(let values):
            append(&bytes, UInt32(values.count))
            for value in values { append(&bytes, value) }
        case .int64s(let values):
            append(&bytes, UInt32(values.count))
            for value in values { append(&bytes, value) }
        case .floats(let values):
            append(&bytes, UInt32(values.count))
            for value in values { append(&bytes, value.bitPattern) }
        }
        return start
    }

    private static func append(_ bytes: inout [UInt8], _ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private static func patch(_ bytes: inout [UInt8], at place: Int, _ value: UInt32) {
        for byte in 0..<4 { bytes[place + byte] = UInt8(value >> (8 * byte) & 0xFF) }
    }
}
