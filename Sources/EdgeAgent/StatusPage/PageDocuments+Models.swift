internal import CLinuxShims
internal import Glibc
internal import SensorIO

// Versions of models: what stands in the files that updates keep.
extension PageDocuments {
    private static let auditLines = 200
    private static let shownLines = 12

    /// Changes whenever a file of the updates does. Blocks on the disk for a moment.
    func modelsStamp() -> [Int] {
        guard let updates = sources.updates else { return [] }
        return ([updates.audit] + sources.pipelines.map { updates.state(of: $0.name) }).flatMap {
            path -> [Int] in
            var status = stat()
            guard unsafe stat(path, &status) == 0 else { return [0] }
            return [Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
        }
    }

    /// How the versions of each pipeline stand, and what became of earlier ones. Blocks on the disk for a moment.
    func models() -> [UInt8] {
        let lines: [JSONValue] =
            sources.updates.map { updates in
                UpdateAudit(path: updates.audit).lines(last: Self.auditLines).compactMap {
                    try? JSONValue(parsing: Array($0.utf8))
                }
            } ?? []
        return Self.document { json in
            json.key("pipelines")
            json.beginArray()
            for pipeline in sources.pipelines {
                json.beginObject()
                json.member("name", pipeline.name)
                json.key("hasUpdates")
                json.boolean(sources.updates != nil)
                let state = sources.updates.flatMap {
                    UpdateStateFile(path: $0.state(of: pipeline.name)).peek()
                }
                json.key("isHeld")
                json.boolean(state?.isHeld ?? false)
                json.key("candidate")
                write(state?.candidate, &json)
                json.key("history")
                write(lines, of: pipeline.name, &json)
                json.endObject()
            }
            json.endArray()
        }
    }

    private func write(_ candidate: UpdateState.Candidate?, _ json: inout JSONWriter) {
        guard let candidate else { return json.null() }
        json.beginObject()
        json.member("phase", candidate.phase.rawValue)
        json.key("version")
        if let version = candidate.version { json.string(version.version) } else { json.null() }
        json.member("reference", candidate.reference)
        json.key("activeAlarmShare")
        if let share = candidate.activeAlarmShare { json.number(share) } else { json.null() }
        json.key("tally")
        json.beginObject()
        json.member("evaluations", candidate.tally.evaluations)
        json.member("failures", candidate.tally.failures)
        json.member("alarming", candidate.tally.alarming)
        json.member("reference", candidate.tally.reference)
        json.member("agreements", candidate.tally.agreements)
        json.endObject()
        json.endObject()
    }

    /// The newest first.
    private func write(_ lines: [JSONValue], of pipeline: String, _ json: inout JSONWriter) {
        json.beginArray()
        let own = lines.reversed().filter { $0["pipeline"] == .string(pipeline) }
        for line in own.prefix(Self.shownLines) {
            json.beginObject()
            json.key("time")
            json.value(line["time"] ?? .null)
            json.key("what")
            json.value(line["what"] ?? .null)
            json.key("version")
            json.value(line["model"]?["version"] ?? .null)
            json.key("reason")
            json.value(line["reason"] ?? .null)
            json.key("detail")
            json.value(line["detail"] ?? .null)
            json.endObject()
        }
        json.endArray()
    }
}
