import EdgeAgent
import Foundation
import Logging
import Synchronization
import TestSupport

/// The agent's HTTP server on a free port, with routes of a test.
final class TestHTTP: Sendable {
    let port: UInt16
    let metrics = HTTPMetrics()
    private let service: HTTPService

    /// Starts it and waits until it listens.
    ///
    /// - Parameter settings: keys of the section `http` beside `enabled` and `port`.
    init(
        _ settings: [String] = [], routes: [HTTPRoute] = TestHTTP.routes,
        limits: HTTPServer.Limits? = nil
    ) async throws {
        let port = try FreePort.find()
        self.port = port
        let loaded = try Self.load(["port: \(port)"] + settings)
        guard let plan = try HTTPPlan(loaded) else { throw TestFailure("HTTP is off") }
        let (ports, continuation) = AsyncStream<UInt16>.makeStream()
        service = try HTTPService(
            plan, routes: routes, limits: limits, metrics: metrics,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            onListening: { continuation.yield($0) })
        for await _ in ports { break }
    }

    deinit { service.stop() }

    static func load(_ settings: [String]) throws -> LoadedConfiguration {
        try ConfigurationText.read(
            ConfigurationText.minimal + "\nhttp:\n  enabled: true\n"
                + settings.map { "  \($0)\n" }.joined())
    }

    static let routes = [
        HTTPRoute(.exact("/hello")) { request in .text(200, "hello \(request.query ?? "")") },
        HTTPRoute(.exact("/open"), requiresToken: false) { _ in .text(200, "open") },
        HTTPRoute(.prefix("/files/")) { request in .text(200, request.path) },
    ]

    func get(
        _ target: String, method: String = "GET", host: String = "localhost", _ headers: String...
    ) throws -> RawHTTPClient.Answer {
        try RawHTTPClient.get(target, port: port, method: method, host: host, headers: headers)
    }
}
