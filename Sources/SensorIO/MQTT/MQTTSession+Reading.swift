// What the owner can know about the bytes that wait to be read, and do about them.
extension MQTTSession {
    /// Whether the last service read all that was there.
    package var hasReadAll: Bool { !mustReadAgain }

    /// How long ago the bytes arrived that the wait found readable, at least; nil if there are none, or without
    /// ``notesArrivals``. Segments that the kernel has joined count as the last of them.
    package func receiveAgeNanoseconds(_ set: borrowing PollSet) -> UInt64? {
        guard notesArrivals, !set.readiness(at: socketIndex).isEmpty else { return nil }
        return connection?.receiveAgeNanoseconds
    }

    /// The bytes received on the present connection so far, and how many of them are unread.
    package var streamPosition: (received: UInt64, unread: UInt64)? { connection?.streamPosition }

    /// Takes no further message in this turn: what is there waits for the next ``service(_:nowNanoseconds:)``.
    /// For ``onMessage``, which is still called for the rest of the packets that came in one TLS record.
    package func pauseReading() {
        isReadingPaused = true
    }

    var timeoutSeconds: Double { Double(endpoint.connectTimeoutNanoseconds) / 1e9 }

    /// How often something has to be written: the broker's word, else our own.
    package var keepAliveSeconds: UInt64 {
        limits.keepAliveSeconds ?? UInt64(endpoint.keepAliveSeconds)
    }

    /// An eighth of the interval: a ping is late by less than the half interval that brokers allow.
    var keepAliveCheckNanoseconds: UInt64 {
        max(keepAliveSeconds, 4) &* 1_000_000_000 / 8
    }
}
