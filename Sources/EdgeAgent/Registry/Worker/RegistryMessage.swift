internal import SensorIO

/// What the agent writes to its registry process: one line of JSON.
struct RegistryRequest: Sendable {
    enum Call: Sendable {
        case resolve(ModelReference, known: RegistryValidator?)
        case download(ResolvedModel, into: PartialDownload)
    }

    static let maximumBytes = 1 << 20

    var configuration: RegistryConfiguration
    var limits: DownloadControl.Limits
    var call: Call

    init(
        configuration: RegistryConfiguration, limits: DownloadControl.Limits, call: Call
    ) {
        self.configuration = configuration
        self.limits = limits
        self.call = call
    }

    var json: JSONValue {
        var members = JSONValue.members([
            "registry": configuration.json, "limits": limits.json,
        ])
        switch call {
        case .resolve(let reference, let known):
            members += JSONValue.members(["resolve": .string(reference.description)])
            if let known { members += JSONValue.members(["known": .string(known.text)]) }
        case .download(let model, let directory):
            members += JSONValue.members([
                "download": model.json, "directory": .string(directory.path),
            ])
        }
        return .object(members)
    }

    init(_ node: JSONNode) throws(JSONError) {
        configuration = try RegistryConfiguration(json: try node.required("registry"))
        limits = try DownloadControl.Limits(json: try node.required("limits"))
        if let resolve = try node.optional("resolve") {
            guard let reference = ModelReference(try resolve.string()) else {
                throw resolve.invalid("be a reference")
            }
            let known = try node.optional("known")?.string()
            call = .resolve(reference, known: known.map { RegistryValidator(text: $0) })
        } else {
            call = .download(
                try ResolvedModel(json: try node.required("download")),
                into: PartialDownload(path: try node.required("directory").string()))
        }
    }
}

/// What the registry process writes: progress, then one of the others, a line each.
enum RegistryReply: Sendable, Equatable {
    case progress(present: UInt64, transferred: UInt64)
    case resolved(ResolvedModel)
    case unchanged
    case done
    case failed(RegistryError)

    static let maximumBytes = 1 << 20

    var json: JSONValue {
        switch self {
        case .progress(let present, let transferred):
            return .object(
                JSONValue.members([
                    "progress": .array([
                        .integer(Int64(clamping: present)), .integer(Int64(clamping: transferred)),
                    ])
                ]))
        case .resolved(let model): return .object(JSONValue.members(["resolved": model.json]))
        case .unchanged: return .object(JSONValue.members(["unchanged": .bool(true)]))
        case .done: return .object(JSONValue.members(["done": .bool(true)]))
        case .failed(let error):
            var members = JSONValue.members([
                "error": .string(error.kind.rawValue), "message": .string(error.message),
            ])
            if let retryAfter = error.retryAfter {
                members += JSONValue.members([
                    "retryAfterSeconds": .integer(retryAfter.components.seconds)
                ])
            }
            return .object(members)
        }
    }

    init(_ node: JSONNode) throws(JSONError) {
        if let progress = try node.optional("progress") {
            let values = try progress.elements()
            guard values.count == 2 else { throw progress.invalid("be two numbers") }
            self = .progress(
                present: UInt64(try values[0].integer(in: 0...Int.max)),
                transferred: UInt64(try values[1].integer(in: 0...Int.max)))
        } else if let resolved = try node.optional("resolved") {
            self = .resolved(try ResolvedModel(json: resolved))
        } else if try node.optional("unchanged") != nil {
            self = .unchanged
        } else if try node.optional("done") != nil {
            self = .done
        } else {
            let kindNode = try node.required("error")
            guard let kind = RegistryError.Kind(rawValue: try kindNode.string()) else {
                throw kindNode.invalid("be a known kind")
            }
            let seconds = try node.optional("retryAfterSeconds")?.integer(in: 0...86_400)
            self = .failed(
                RegistryError(
                    kind, try node.required("message").string(),
                    retryAfter: seconds.map { .seconds($0) }))
        }
    }
}

extension JSONValue {
    /// The value as one line of text, its end included.
    var line: [UInt8] {
        var json = JSONWriter(growingTo: RegistryReply.maximumBytes)
        json.value(self)
        _ = json.finish()
        return json.copyBytes() + [0x0A]
    }

    static func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
}
