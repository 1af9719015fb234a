internal import SensorIO
internal import Synchronization

/// The status page: its files, the JSON behind it, and its streams of events.
///
/// - Thread: `tick` and `note` one at a time, of the control plane; the routes on the thread `http`.
package final class StatusPage: Sendable {
    /// One browser that looks.
    private struct Viewer {
        let stream: EventStream
        var pipeline: String?
        var asset: String?
        var search: String
        /// Of the asset's points; nil: none were sent.
        var lastPoint: Int?
        var alarms: UInt64
        var models: [Int]?
        /// Of the beginning: what its buffer had no room for yet.
        var pending: [[UInt8]] = []
    }

    /// What is put into a stream's buffer at once; the rest waits for a second.
    private static let burstBytes = EventStream.capacityBytes * 3 / 4

    let documents: PageDocuments
    private let viewers = Mutex<[Viewer]>([])

    package init(_ sources: PageSources) {
        documents = PageDocuments(
            sources: sources, series: PageSeries(pipelines: sources.pipelines.count),
            alarms: RecentAlarms())
    }

    /// Keeps what a pipeline says about alarms.
    func note(_ notice: PipelineNotice, pipeline: String) {
        documents.alarms.note(notice, pipeline: pipeline, timeNanoseconds: WallClock.nanoseconds)
    }

    // MARK: Streams

    /// Takes a sample, and tells everybody who looks what is new. About once a second; reads small files.
    package func tick(nowNanoseconds: UInt64) {
        let sources = documents.sources
        documents.series.sample(
            evaluations: sources.pipelines.map { $0.budget.evaluations },
            outboxDepth: sources.outbox().depth, nowNanoseconds: nowNanoseconds)
        // Only this thread takes viewers out, so the others are where they were when they are put back.
        var current = viewers.withLock { $0 }
        guard !current.isEmpty else { return }
        let status = Self.event("status", documents.status())
        let alarms = documents.alarms.count
        let stamp = documents.modelsStamp()
        for index in current.indices {
            guard current[index].pending.isEmpty else {
                Self.sendPending(&current[index])
                continue
            }
            current[index].stream.put(status)
            current[index].stream.put(assets(for: current[index], recentPoints: 0))
            current[index].stream.put(history(for: &current[index]))
            if current[index].alarms != alarms {
                current[index].alarms = alarms
                current[index].stream.put(Self.event("alarms", documents.alarmsDocument()))
            }
            if current[index].models != stamp {
                current[index].models = stamp
                current[index].stream.put(Self.event("models", documents.models()))
            }
        }
        viewers.withLock { viewers in
            viewers = (current + viewers.dropFirst(current.count)).filter { $0.stream.isOpen }
        }
    }

    /// Begins a stream with all that the page needs to draw itself. Does not read files: models follow with the next tick.
    func add(_ stream: EventStream, _ request: ServerRequest) {
        var viewer = Viewer(
            stream: stream, pipeline: request.argument("pipeline"),
            asset: request.argument("asset"), search: request.argument("search") ?? "",
            alarms: documents.alarms.count)
        viewer.pending = [
            Self.event("status", documents.status()), assets(for: viewer, recentPoints: 30),
            history(for: &viewer), Self.event("alarms", documents.alarmsDocument()),
            Self.event("series", documents.seriesDocument()),
        ]
        Self.sendPending(&viewer)
        viewers.withLock { [viewer] in $0.append(viewer) }
    }

    private static func sendPending(_ viewer: inout Viewer) {
        var room = burstBytes
        while let next = viewer.pending.first, next.count <= room || room == burstBytes {
            room -= next.count
            viewer.stream.put(viewer.pending.removeFirst())
        }
    }

    private func assets(for viewer: Viewer, recentPoints: Int) -> [UInt8] {
        guard let pipeline = documents.sources.pipeline(viewer.pipeline) else { return [] }
        return Self.event(
            "assets",
            documents.assets(pipeline, search: viewer.search, recentPoints: recentPoints))
    }

    /// What is new of the asset; empty: nothing.
    private func history(for viewer: inout Viewer) -> [UInt8] {
        guard let asset = viewer.asset,
            let pipeline = documents.sources.pipeline(viewer.pipeline),
            let (bytes, last) = documents.history(
                pipeline, asset: asset, after: viewer.lastPoint,
                limit: Self.firstPoints(channels: pipeline.history.channels.count))
        else { return [] }
        viewer.lastPoint = last
        return Self.event("history", bytes)
    }

    /// An event has to fit into the buffer, whatever the number of channels.
    private static func firstPoints(channels: Int) -> Int {
        EventStream.capacityBytes / 2 / (40 + 9 * channels)
    }

    private static func event(_ name: String, _ json: [UInt8]) -> [UInt8] {
        Array("event: \(name)\ndata: ".utf8) + json + [0x0A, 0x0A]
    }

    // MARK: Routes

    /// What the server answers for the page. Its own files say nothing about the plant and need no token.
    package var routes: [HTTPRoute] {
        let files = StatusPageFile.all.map { file in
            HTTPRoute(
                .exact(file.name == "index.html" ? "/" : "/assets/\(file.name)"),
                requiresToken: false
            ) { request in Self.answer(request, file) }
        }
        return files + [
            HTTPRoute(.exact("/api/v1/events")) { [self] request in
                .events { stream in self.add(stream, request) }
            },
            HTTPRoute(.exact("/api/v1/alarms")) { [self] _ in
                Self.json(documents.alarmsDocument())
            },
            HTTPRoute(.exact("/api/v1/series")) { [self] _ in
                Self.json(documents.seriesDocument())
            },
            HTTPRoute(.prefix("/api/v1/pipelines/")) { [self] request in pipeline(request) },
        ]
    }

    private static func answer(_ request: ServerRequest, _ file: StatusPageFile) -> ServerResponse {
        let headers = [
            HTTPField("ETag", file.entityTag), HTTPField("Cache-Control", "no-cache"),
        ]
        if request.ifNoneMatch == file.entityTag {
            return .bytes(status: 304, contentType: file.contentType, headers: headers, body: [])
        }
        return .bytes(
            status: 200, contentType: file.contentType, headers: headers, body: file.bytes)
    }

    /// `<pipeline>/assets`, with `search` and `limit`; `<pipeline>/history` with `asset`.
    private func pipeline(_ request: ServerRequest) -> ServerResponse {
        let parts = request.path.utf8.dropFirst("/api/v1/pipelines/".utf8.count).split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 2, let name = ServerRequest.decoded(parts[0]), !name.isEmpty,
            let pipeline = documents.sources.pipeline(name)
        else { return .text(404, "there is no such pipeline") }
        if parts[1].elementsEqual("assets".utf8) {
            let limit = request.argument("limit").flatMap { Int($0) } ?? PageDocuments.listedAssets
            return Self.json(
                documents.assets(
                    pipeline, search: request.argument("search") ?? "",
                    limit: min(max(limit, 1), 1000)))
        }
        if parts[1].elementsEqual("history".utf8), let asset = request.argument("asset") {
            guard let (bytes, _) = documents.history(pipeline, asset: asset) else {
                return .text(404, "there is no such asset in this pipeline")
            }
            return Self.json(bytes)
        }
        return .text(404, "there is /assets, and /history with ?asset=")
    }

    private static func json(_ bytes: [UInt8]) -> ServerResponse {
        .bytes(status: 200, contentType: "application/json", body: bytes)
    }
}
