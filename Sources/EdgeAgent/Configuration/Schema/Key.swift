/// One key of a section: its documentation, how its value gets into the struct, and how it is told again.
struct Key<Root: Sendable>: Sendable {
    typealias Read =
        @Sendable (YAMLNode, _ path: String, inout Root, inout ConfigurationReader) -> Void
    /// Where a value goes; literals such as `\\.host` are sendable by themselves.
    typealias Place<Value> = any (WritableKeyPath<Root, Value> & Sendable)

    /// Notes what a section has under the key.
    typealias Note = @Sendable (Root, ConfigurationValues.Path, inout ConfigurationValues) -> Void

    let description: KeyDescription
    let read: Read
    let note: Note
}

extension Key where Root: ConfigurationSection {
    /// A scalar that always has a value; its default is that of `Root()`.
    static func scalar<Value>(
        _ name: String, _ path: Place<Value>, _ kind: ScalarKind<Value>,
        _ summary: String, isRequired: Bool = false, defaultText: String? = nil
    ) -> Key {
        let text = defaultText ?? kind.format(Root()[keyPath: path])
        return Key(
            description: KeyDescription(
                name: name, summary: summary, shape: .scalar(kind.description),
                isRequired: isRequired, defaultText: isRequired ? nil : text,
                isDefaultLiteral: defaultText == nil),
            read: { node, keyPath, root, reader in
                if let value = reader.scalar(node, keyPath, kind) { root[keyPath: path] = value }
            },
            note: { root, place, values in
                values.note(kind.format(root[keyPath: path]), at: place)
            })
    }

    /// A scalar that may be left out; `defaultText` says what holds then.
    static func optional<Value>(
        _ name: String, _ path: Place<Value?>,
        _ kind: ScalarKind<Value>, _ summary: String, isRequired: Bool = false,
        defaultText: String? = nil
    ) -> Key {
        Key(
            description: KeyDescription(
                name: name, summary: summary, shape: .scalar(kind.description),
                isRequired: isRequired, defaultText: defaultText),
            read: { node, keyPath, root, reader in
                if let value = reader.scalar(node, keyPath, kind) { root[keyPath: path] = value }
            },
            note: { root, place, values in
                if let value = root[keyPath: path] { values.note(kind.format(value), at: place) }
            })
    }

    /// A list of scalars.
    static func list<Value>(
        _ name: String, _ path: Place<[Value]>,
        _ kind: ScalarKind<Value>, _ summary: String, isRequired: Bool = false,
        defaultText: String? = nil, maximumCount: Int
    ) -> Key {
        Key(
            description: KeyDescription(
                name: name, summary: summary, shape: .list(kind.description),
                isRequired: isRequired, defaultText: defaultText),
            read: { node, keyPath, root, reader in
                guard
                    let elements = reader.elements(
                        node, keyPath, "a list, each entry \(kind.description.expectation)",
                        maximumCount)
                else { return }
                if isRequired, elements.isEmpty {
                    reader.diagnostics.error(
                        node.location, keyPath, "is empty: expected at least one entry")
                }
                root[keyPath: path] = elements.enumerated().compactMap { index, element in
                    reader.scalar(element, "\(keyPath)[\(index)]", kind)
                }
            },
            note: { root, place, values in
                let texts = root[keyPath: path].map(kind.format)
                if !texts.isEmpty { values.note(texts.joined(separator: ", "), at: place) }
            })
    }

    /// A mapping from names of the user's to scalars, in the order of the file.
    static func table<Value>(
        _ name: String, _ path: Place<[NamedValue<Value>]>,
        _ kind: ScalarKind<Value>, _ summary: String, defaultText: String, maximumCount: Int
    ) -> Key {
        Key(
            description: KeyDescription(
                name: name, summary: summary, shape: .table(kind.description), isRequired: false,
                defaultText: defaultText),
            read: { node, keyPath, root, reader in
                guard let pairs = reader.pairs(node, keyPath, maximumCount) else { return }
                root[keyPath: path] = pairs.compactMap { pair in
                    reader.scalar(pair.value, "\(keyPath).\(pair.key)", kind).map {
                        NamedValue(name: pair.key, value: $0)
                    }
                }
            },
            note: { root, place, values in
                for entry in root[keyPath: path] {
                    values.note(kind.format(entry.value), at: place.entry(entry.name))
                }
            })
    }

    /// A section that is always there.
    static func section<Section: ConfigurationSection>(
        _ name: String, _ path: Place<Section>, _ summary: String
    ) -> Key {
        Key(
            description: KeyDescription(
                name: name, summary: summary, shape: .section(Section.keys.descriptions),
                isRequired: false, defaultText: nil),
            read: { node, keyPath, root, reader in
                // A section of which every key is commented out says nothing.
                guard !node.isNull else { return }
                var section = Section()
                Section.keys.read(node, at: keyPath, into: &section, &reader)
                root[keyPath: path] = section
            },
            note: { root, place, values in
                Section.keys.note(root[keyPath: path], at: place, &values)
            })
    }

    /// A section that may be left out as a whole.
    static func optionalSection<Section: ConfigurationSection>(
        _ name: String, _ path: Place<Section?>, _ summary: String,
        defaultText: String
    ) -> Key {
        Key(
            description: KeyDescription(
                name: name, summary: summary, shape: .section(Section.keys.descriptions),
                isRequired: false, defaultText: defaultText),
            read: { node, keyPath, root, reader in
                var section = Section()
                Section.keys.read(node, at: keyPath, into: &section, &reader)
                root[keyPath: path] = section
            },
            note: { root, place, values in
                guard let section = root[keyPath: path] else { return }
                values.noteSection(at: place)
                Section.keys.note(section, at: place, &values)
            })
    }

    /// A list of sections.
    static func sectionList<Section: ConfigurationSection>(
        _ name: String, _ path: Place<[Section]>, _ summary: String,
        keyedBy key: String, isRequired: Bool = false, defaultText: String? = nil,
        maximumCount: Int
    ) -> Key {
        Key(
            description: KeyDescription(
                name: name, summary: summary,
                shape: .sectionList(Section.keys.descriptions, keyedBy: key),
                isRequired: isRequired, defaultText: defaultText),
            read: { node, keyPath, root, reader in
                guard
                    let elements = reader.elements(
                        node, keyPath, "a list of mappings", maximumCount)
                else { return }
                if isRequired, elements.isEmpty {
                    reader.diagnostics.error(
                        node.location, keyPath, "is empty: expected at least one entry")
                }
                root[keyPath: path] = elements.enumerated().map { index, element in
                    var section = Section()
                    Section.keys.read(
                        element, at: "\(keyPath)[\(index)]", into: &section, &reader)
                    return section
                }
            },
            note: { root, place, values in
                for section in root[keyPath: path] {
                    let place = place.element(Section.keys.text(of: key, in: section))
                    values.noteSection(at: place)
                    Section.keys.note(section, at: place, &values)
                }
            })
    }

    /// A mapping from names of the user's to sections, in the order of the file.
    static func sectionTable<Section: NamedConfigurationSection>(
        _ name: String, _ path: Place<[Section]>, _ summary: String,
        isRequired: Bool = false, maximumCount: Int
    ) -> Key {
        Key(
            description: KeyDescription(
                name: name, summary: summary,
                shape: .sectionTable(Section.keys.descriptions), isRequired: isRequired,
                defaultText: nil),
            read: { node, keyPath, root, reader in
                guard let pairs = reader.pairs(node, keyPath, maximumCount) else { return }
                if isRequired, pairs.isEmpty {
                    reader.diagnostics.error(
                        node.location, keyPath, "is empty: expected at least one entry")
                }
                root[keyPath: path] = pairs.map { pair in
                    var section = Section()
                    section.name = pair.key
                    if !ScalarKind<String>.isIdentifier(pair.key) {
                        reader.diagnostics.error(
                            pair.keyLocation, YAMLNode.excerptPath("\(keyPath).\(pair.key)"),
                            "a name must be at most 64 letters, digits, '.', '_' or '-',"
                                + " the first a letter or digit")
                    }
                    Section.keys.read(
                        pair.value, at: "\(keyPath).\(pair.key)", into: &section, &reader)
                    return section
                }
            },
            note: { root, place, values in
                for section in root[keyPath: path] {
                    let place = place.entry(section.name)
                    values.noteSection(at: place)
                    Section.keys.note(section, at: place, &values)
                }
            })
    }
}

/// A value under a name of the user's.
package struct NamedValue<Value: Sendable & Equatable>: Sendable, Equatable {
    package var name: String
    package var value: Value

    package init(name: String, value: Value) {
        self.name = name
        self.value = value
    }
}

extension ConfigurationReader {
    /// Reads a scalar, or reports why not.
    mutating func scalar<Value>(
        _ node: YAMLNode, _ keyPath: String, _ kind: ScalarKind<Value>
    ) -> Value? {
        locations[keyPath] = node.location
        do throws(ScalarProblem) {
            return try kind.read(node, context)
        } catch {
            diagnostics.error(node.location, YAMLNode.excerptPath(keyPath), error.message)
            return nil
        }
    }

    /// The elements of a list, or nil and a report.
    mutating func elements(
        _ node: YAMLNode, _ keyPath: String, _ expectation: String, _ maximumCount: Int
    ) -> [YAMLNode]? {
        locations[keyPath] = node.location
        guard case .sequence(let elements) = node.content else {
            let found = node.isNull ? "found nothing" : "found \(node.found)"
            diagnostics.error(node.location, keyPath, "expected \(expectation), \(found)")
            return nil
        }
        guard elements.count <= maximumCount else {
            diagnostics.error(
                node.location, keyPath,
                "has \(elements.count) entries, at most \(maximumCount) are allowed")
            return nil
        }
        return elements
    }

    /// The pairs of a mapping, or nil and a report.
    mutating func pairs(
        _ node: YAMLNode, _ keyPath: String, _ maximumCount: Int
    ) -> [YAMLPair]? {
        locations[keyPath] = node.location
        guard case .mapping(let pairs) = node.content else {
            let found = node.isNull ? "found nothing" : "found \(node.found)"
            diagnostics.error(node.location, keyPath, "expected a mapping, \(found)")
            return nil
        }
        guard pairs.count <= maximumCount else {
            diagnostics.error(
                node.location, keyPath,
                "has \(pairs.count) entries, at most \(maximumCount) are allowed")
            return nil
        }
        return pairs
    }
}
