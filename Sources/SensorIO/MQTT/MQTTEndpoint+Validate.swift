extension MQTTEndpoint {
    /// Checks everything that can be checked without touching a file or the network.
    ///
    /// - Throws: ``MQTTError/invalidEndpoint(field:problem:)``
    package func validate() throws(MQTTError) {
        try require(!host.isEmpty && host.utf8.count <= 253, "host", "must have 1 to 253 bytes")
        try require(!host.utf8.contains(0), "host", "contains a NUL")
        try require(port > 0, "port", "must be 1 to 65535")
        try require(keepAliveSeconds >= 5, "keepAliveSeconds", "must be 5 to 65535")
        try require(receiveMaximum > 0, "receiveMaximum", "must be 1 to 65535")
        try require(sendMaximum > 0, "sendMaximum", "must be 1 to 65535")
        try require(
            (10_000_000...600_000_000_000).contains(connectTimeoutNanoseconds),
            "connectTimeoutNanoseconds", "must be 10 ms to 10 min")
        // libmosquitto cannot leave the identifier to the broker and keep a session.
        try requireString(clientIdentifier, "clientIdentifier")
        try require(!clientIdentifier.isEmpty, "clientIdentifier", "is empty")
        if let username { try requireString(username, "username") }
        if let password {
            try require(password.count <= 65_535, "password", "is longer than 65535 bytes")
            try require(!password.contains(0), "password", "contains a NUL")
            try require(
                username != nil || protocolVersion == .v5, "password",
                "needs a user name with MQTT 3.1.1")
        }
        if let tls {
            try require(
                (tls.clientCertificateFile == nil) == (tls.clientKeyFile == nil), "tls",
                "a client certificate and its key come together")
            try require(
                tls.certificateAuthorityFile != nil || tls.usesSystemAuthorities, "tls",
                "needs a file of authorities, or the system's")
        }
        if let will {
            try requireString(will.topic, "will.topic")
            try require(
                !will.topic.isEmpty && !will.topic.utf8.contains { $0 == 0x2B || $0 == 0x23 },
                "will.topic", "must be a topic without wildcards")
            try require(will.payload.count <= 65_535, "will.payload", "is longer than 65535 bytes")
        }
    }

    private func requireString(_ text: String, _ field: String) throws(MQTTError) {
        try require(text.utf8.count <= 65_535, field, "is longer than 65535 bytes")
        try require(!text.utf8.contains(0), field, "contains a NUL")
    }

    private func require(
        _ condition: Bool, _ field: String, _ problem: @autoclosure () -> String
    ) throws(MQTTError) {
        if !condition { throw .invalidEndpoint(field: field, problem: problem()) }
    }
}
