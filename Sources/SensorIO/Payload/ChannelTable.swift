/// Names and bounds of channels, laid out so that a message needs no String.
@safe  // Both buffers are allocated in init, read below their counts, and freed in deinit.
struct ChannelTable: ~Copyable {
    /// The bounds of one channel's values.
    struct Bounds {
        var range: ClosedRange<Double>
        var policy: ChannelDescription.OutOfRangePolicy
    }

    private let entries: UnsafeMutableBufferPointer<Bounds?>
    private let names: ByteKeyTable

    init(_ channels: [ChannelDescription]) {
        unsafe entries = .allocate(capacity: channels.count)
        var names = ByteKeyTable(
            capacity: channels.count,
            maximumKeyBytes: channels.map(\.name.utf8.count).max() ?? 0)
        for (index, channel) in channels.enumerated() {
            unsafe entries.initializeElement(
                at: index,
                to: channel.validRange.map { Bounds(range: $0, policy: channel.outOfRange) })
            var name = channel.name
            // Names are unique, so the table gives out the indices 0, 1, …
            let slot = name.withUTF8 { unsafe names.insert(UnsafeRawBufferPointer($0)) }
            precondition(slot == index, "channel names are unique")
        }
        self.names = names
    }

    deinit {
        unsafe entries.deinitialize()
        unsafe entries.deallocate()
    }

    @inline(__always)
    borrowing func bounds(of channel: Int) -> Bounds? { unsafe entries[channel] }

    borrowing func index(named name: UnsafeRawBufferPointer) -> Int? { unsafe names.find(name) }
}
