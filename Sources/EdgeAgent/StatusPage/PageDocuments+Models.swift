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
            json.beginArray("pipelines")
            for pipeline in sources.pipelines {
                json.beginObject()
                json.member("name", pipeline.name)
                json.member("hasUpdates", sources.updates != nil)
                let state = sources.updates.flatMap {
                    UpdateStateFile(path: $0.state(of: pipeline.name)).peek()
                }
                json.member("isHeld", state?.isHeld ?? false)
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
        json.member("version", candidate.version?.version)
        json.member("reference", candidate.reference)
        json.member("activeAlarmShare", candidate.activeAlarmShare)
        json.beginObject("tally")
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
            json.member("time", line["time"])
            json.member("what", line["what"])
            json.member("version", line["model"]?["version"])
            json.member("reason", line["reason"])
            json.member("detail", line["detail"])
            json.endObject()
        }
        json.endArray()
    }
}
