extension String {
    /// This text with each `part` replaced, in one pass.
    ///
    /// The standard library's own `replacing` would link the engine for regular expressions into a
    /// small binary.
    func replacingEach(_ part: String, with replacement: String) -> String {
        let bytes = Array(utf8)
        let wanted = Array(part.utf8)
        guard !wanted.isEmpty else { return self }
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index...].starts(with: wanted) {
                result += Array(replacement.utf8)
                index += wanted.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
