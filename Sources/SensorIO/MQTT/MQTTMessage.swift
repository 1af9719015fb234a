/// A message as it arrived: a view of libmosquitto's own bytes, valid only while the callback that
/// it was given to runs. Nothing is copied, nothing is allocated.
///
/// It cannot be copied, so that it is not kept by accident; whoever keeps one of the two pointers
/// breaks the contract. A message that the broker had retained, and sends because of a new
/// subscription, is flagged by ``isRetained``: it may be of any age. (Whether a message is a
/// redelivery is not told by libmosquitto: receivers that care compare its contents.)
@safe package struct MQTTMessage: ~Copyable {
    // Proof of @safe: made by the message callback only, from the C struct that libmosquitto keeps
    // alive until the callback returns; handed out as borrowed, non-copyable.

    /// The topic, without a NUL at its end; valid UTF-8 without NUL (libmosquitto checks it).
    package let topic: UnsafeRawBufferPointer
    /// The payload: any bytes, often none.
    package let payload: UnsafeRawBufferPointer
    /// The QoS it was sent with.
    package let qualityOfService: MQTTQualityOfService
    /// Whether the broker had it in store; see above.
    package let isRetained: Bool

    /// Makes a view; for the callback, and for tests of what consumes messages.
    package init(
        topic: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer,
        qualityOfService: MQTTQualityOfService, isRetained: Bool
    ) {
        unsafe self.topic = topic
        unsafe self.payload = payload
        self.qualityOfService = qualityOfService
        self.isRetained = isRetained
    }
}
