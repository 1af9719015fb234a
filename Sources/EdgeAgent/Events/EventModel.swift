/// What an event says about a model, escaped once when the model is loaded: its name, version and
/// digest, and the names of labels and channels.
///
/// - Thread: immutable; any.
package final class EventModel: Sendable {
    /// The SemVer of the bundle.
    package let version: String
    /// `sha256:…` of the bundle.
    package let digest: String
    /// The model's object: name, version, digest.
    let model: [UInt8]
    /// Tell the bundle, and this version of it, from others.
    package let nameHash: UInt64
    package let digestHash: UInt64
    private let texts: [UInt8]
    private let labels: [Range<Int>]
    private let channels: [Range<Int>]
    /// The longest of the labels' JSON strings.
    let longestLabelBytes: Int
    /// The longest of the channels' JSON strings.
    let longestChannelBytes: Int

    /// - Parameters:
    ///   - version: the SemVer of the bundle.
    ///   - digest: `sha256:…` of the bundle.
    ///   - labels: of the classes, by index; empty for other models.
    ///   - channels: by index, as contributors name them.
    package init(
        name: String, version: String, digest: String, labels: [String], channels: [String]
    ) {
        self.version = version
        self.digest = digest
        nameHash = StateHash.of(name)
        digestHash = StateHash.of(digest)
        var writer = JSONWriter(growingTo: .max)
        writer.beginObject()
        writer.member("name", name)
        writer.member("version", version)
        writer.member("digest", digest)
        writer.endObject()
        _ = writer.finish()
        model = writer.copyBytes()

        var texts: [UInt8] = []
        func ranges(_ names: [String]) -> [Range<Int>] {
            names.map { name in
                let start = texts.count
                texts += EventIdentity.json(name)
                return start..<texts.count
            }
        }
        self.labels = ranges(labels)
        self.channels = ranges(channels)
        self.texts = texts
        longestLabelBytes = self.labels.map(\.count).max() ?? 0
        longestChannelBytes = self.channels.map(\.count).max() ?? 0
    }

    /// Writes the name of a label as a string, or `null` if there is none of this index.
    func writeLabel(_ index: Int, to json: inout JSONWriter) { write(labels, index, &json) }

    /// Writes the name of a channel as a string, or `null` if there is none of this index.
    func writeChannel(_ index: Int, to json: inout JSONWriter) { write(channels, index, &json) }

    private func write(_ ranges: [Range<Int>], _ index: Int, _ json: inout JSONWriter) {
        guard index >= 0, index < ranges.count else { return json.null() }
        json.fragment(texts, ranges[index])
    }
}
