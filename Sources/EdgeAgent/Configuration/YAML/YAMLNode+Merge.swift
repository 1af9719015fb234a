extension YAMLNode {
    /// This tree without the second and later values of keys that stand twice in one mapping, each
    /// reported.
    func removingDuplicateKeys(
        at path: String = "", _ diagnostics: inout ConfigurationDiagnostics
    ) -> YAMLNode {
        switch content {
        case .scalar: return self
        case .sequence(let elements):
            let checked = elements.enumerated().map { index, element in
                element.removingDuplicateKeys(at: "\(path)[\(index)]", &diagnostics)
            }
            return YAMLNode(.sequence(checked), at: location)
        case .mapping(let pairs):
            var first: [String: SourceLocation] = [:]
            var kept: [YAMLPair] = []
            for pair in pairs {
                let keyPath = path.isEmpty ? pair.key : "\(path).\(pair.key)"
                if let location = first[pair.key] {
                    diagnostics.error(
                        pair.keyLocation, YAMLNode.excerptPath(keyPath),
                        "stands here a second time; the first is at \(location)")
                    continue
                }
                first[pair.key] = pair.keyLocation
                var pair = pair
                pair.value = pair.value.removingDuplicateKeys(at: keyPath, &diagnostics)
                kept.append(pair)
            }
            return YAMLNode(.mapping(kept), at: location)
        }
    }

    /// This tree with what a fragment says over it: mappings merge key by key, lists of sections by
    /// the key that names the section, anything else is replaced.
    func merged(with overlay: YAMLNode, as shape: KeyDescription.Shape?) -> YAMLNode {
        switch (content, overlay.content) {
        case (.mapping, _) where overlay.isNull:
            // A section of which every key is commented out.
            return self
        case (.mapping(var pairs), .mapping(let others)):
            var places: [String: Int] = [:]
            for (index, pair) in pairs.enumerated() { places[pair.key] = index }
            for other in others {
                guard let place = places[other.key] else {
                    places[other.key] = pairs.count
                    pairs.append(other)
                    continue
                }
                let value = pairs[place].value.merged(
                    with: other.value, as: Self.shape(of: other.key, in: shape))
                pairs[place] = YAMLPair(
                    key: other.key, keyLocation: other.keyLocation, value: value)
            }
            return YAMLNode(.mapping(pairs), at: location)
        case (.sequence(var elements), .sequence(let others)):
            guard case .sectionList(let keys, let name) = shape else { return overlay }
            var places: [String: Int] = [:]
            for (index, element) in elements.enumerated() {
                if let text = element.text(of: name), places[text] == nil { places[text] = index }
            }
            for other in others {
                if let text = other.text(of: name), let place = places[text] {
                    elements[place] = elements[place].merged(with: other, as: .section(keys))
                } else {
                    elements.append(other)
                }
            }
            return YAMLNode(.sequence(elements), at: location)
        default:
            return overlay
        }
    }

    private static func shape(
        of key: String, in shape: KeyDescription.Shape?
    ) -> KeyDescription.Shape? {
        switch shape {
        case .section(let keys): keys.first { $0.name == key }?.shape
        case .sectionTable(let keys): .section(keys)
        default: nil
        }
    }

    /// The value of a key of this mapping.
    func value(of key: String) -> YAMLNode? {
        guard case .mapping(let pairs) = content else { return nil }
        return pairs.first { $0.key == key }?.value
    }

    /// The text of a key of this mapping.
    func text(of key: String) -> String? {
        guard case .scalar(let text, _) = value(of: key)?.content else { return nil }
        return text
    }
}
