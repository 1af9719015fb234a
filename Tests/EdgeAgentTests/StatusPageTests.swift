import EdgeAgent
import Foundation
import TestSupport
import Testing

/// An agent with its page, whose score is the mean square of a reading.
private final class PageAgent {
    let broker: TestBroker
    let agent: TestAgent
    let port: UInt16

    init(_ http: String = "") throws {
        broker = try TestBroker()
        port = try FreePort.find()
        agent = try TestAgent(
            TestAgent.yaml(broker, top: "http: { enabled: true, port: \(port)\(http) }"))
        let client = "http"
        _ = try agent.process.errors.first("the page's address") { $0.contains(client) }
    }

    func publish(_ asset: String, _ level: Double) throws {
        try TestPublisher.publish(broker, "plant/\(asset)/reading", TestAgent.reading(level))
    }

    func get(_ target: String, _ headers: String...) throws -> RawHTTPClient.Answer {
        try RawHTTPClient.get(target, port: port, headers: headers)
    }

    func json(_ target: String) throws -> [String: Any] {
        let answer = try get(target)
        guard answer.status == 200,
            let json = try JSONSerialization.jsonObject(with: Data(answer.body.utf8))
                as? [String: Any]
        else { throw TestFailure("\(target): \(answer)") }
        return json
    }

    /// The assets of the pipeline, once so many are there.
    func assets(_ count: Int, query: String = "") throws -> [[String: Any]] {
        var assets: [[String: Any]] = []
        try waitUntil("\(count) assets are shown", within: 15) {
            let listed = try? json("/api/v1/pipelines/level/assets\(query)")["assets"]
            assets = listed as? [[String: Any]] ?? []
            return assets.count == count
        }
        return assets
    }
}

@Suite("The status page's files")
struct StatusPageFileTests {
    @Test("are built into the executable, in 150 kB, and name no other host")
    func size() throws {
        let files = StatusPageFile.all
        #expect(Set(files.map(\.name)).isSuperset(of: ["index.html", "page.css", "page.js"]))
        #expect(files.map(\.bytes.count).reduce(0, +) <= 150_000)
        #expect(Set(files.map(\.entityTag)).count == files.count)
        for file in files {
            let text = String(decoding: file.bytes, as: UTF8.self)
            let addresses = text.matches(of: /https?:\/\/[a-z0-9.-]+/).map { String($0.output) }
            // The name of SVG's elements is no address that anything is fetched from.
            #expect(Set(addresses).subtracting(["http://www.w3.org"]).isEmpty, "\(file.name)")
            #expect(!text.contains("innerHTML") && !text.contains("eval("), "\(file.name)")
        }
    }

    @Test("hold to the content security policy: no inline script, style or handler")
    func inline() throws {
        let page = try #require(StatusPageFile.all.first { $0.name == "index.html" })
        let text = String(decoding: page.bytes, as: UTF8.self)
        #expect(text.matches(of: /<script(?![^>]*\ssrc=)/).isEmpty)
        #expect(text.matches(of: /<style|\sstyle=|\son[a-z]+=/).isEmpty)
    }
}

@Suite(
    "The status page of a running agent",
    .enabled(if: TestBroker.isAvailable, "mosquitto is not installed"))
struct StatusPageTests {
    @Test("Its files come with their type and are not sent twice")
    func files() throws {
        let page = try PageAgent()
        let index = try page.get("/")
        #expect(index.status == 200 && index.body.contains("<main"))
        #expect(index.header("Content-Type") == "text/html; charset=utf-8")
        #expect(index.header("Content-Security-Policy")?.contains("unsafe") == false)
        let script = try page.get("/assets/page.js")
        #expect(script.header("Content-Type") == "text/javascript; charset=utf-8")
        let tag = try #require(script.header("ETag"))
        let again = try page.get("/assets/page.js", "If-None-Match: \(tag)")
        #expect(again.status == 304 && again.body.isEmpty)
        #expect(try page.get("/assets/../assets/page.js").status == 404)
        #expect(try page.get("/assets/none.js").status == 404)
    }

    @Test("JSON says how assets stand, and what became of one")
    func documents() throws {
        let page = try PageAgent()
        for level in [1, 8, 8, 8.0] { try page.publish("p1", level) }
        // A key that is no markup and needs escaping in a query.
        try page.publish("<i>&\"ä", 1)
        try page.publish("p3", 2)
        let assets = try page.assets(3)
        #expect(assets.map { $0["key"] as? String } == ["p1", "<i>&\"ä", "p3"])
        #expect(assets[0]["severity"] as? String == "warning")
        #expect(assets[0]["score"] as? Double == 64)
        #expect(assets[1]["severity"] is NSNull && assets[1]["score"] as? Double == 1)
        #expect(try page.assets(1, query: "?search=%3CI%3E").count == 1)
        #expect(try page.assets(2, query: "?limit=2").count == 2)

        let history = try page.json("/api/v1/pipelines/level/history?asset=p1")
        let channels = history["channels"] as? [[String: Any]] ?? []
        #expect(channels.map { $0["name"] as? String } == ["a", "b", "c", "d"])
        let rule = try #require(history["rule"] as? [String: Any])
        let bands = try #require(rule["bands"] as? [[String: Any]])
        #expect(bands[0]["raiseAbove"] as? Double == 16)
        let points = try #require(history["points"] as? [[Any]])
        #expect(points.first?[1] as? Double == 1 && points.last?[1] as? Double == 64)
        #expect(points.contains { $0[3] as? String == "raised" && $0[2] as? Int == 1 })
        #expect(points.allSatisfy { $0.count == 9 })
        // The control plane takes notice a few times a second.
        try waitUntil("the alarm is listed", within: 10) {
            let alarms = try? page.json("/api/v1/alarms")["alarms"] as? [[String: Any]]
            return alarms?.first?["asset"] as? String == "p1"
        }
        let encoded = "%3Ci%3E%26%22%C3%A4"
        #expect(try page.get("/api/v1/pipelines/level/history?asset=\(encoded)").status == 200)
        for wrong in [
            "none/assets", "level/nothing", "level/history?asset=none", "%zz/assets", "/assets",
        ] {
            #expect(try page.get("/api/v1/pipelines/\(wrong)").status == 404, "\(wrong)")
        }
    }

    @Test("A stream begins with everything and goes on with what is new")
    func stream() throws {
        let page = try PageAgent()
        try page.publish("p1", 2)
        _ = try page.assets(1)
        let client = try RawHTTPClient(port: page.port)
        client.send("GET /api/v1/events?asset=p1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for name in ["status", "series", "alarms", "assets", "history", "models"] {
            #expect(try client.receive(until: "event: \(name)\n"), "\(name)")
        }
        #expect(client.text.contains("\"append\":false"))
        for _ in 0..<3 { try page.publish("p1", 9) }
        #expect(try client.receive(until: "\"append\":true"))
        #expect(try client.receive(until: "\"transition\":\"raised\""))
    }

    @Test(
        "With a token nothing about the plant is said without it, and the page itself still comes")
    func token() throws {
        let directory = try TemporaryDirectory("page-token")
        let file = try directory.write("correct-horse-battery-staple-42\n", to: "token")
        chmod(file, 0o600)
        let page = try PageAgent(", tokenFile: \(file)")
        #expect(try page.get("/").status == 200)
        #expect(try page.get("/assets/page.js").status == 200)
        for path in ["events", "alarms", "series", "pipelines/level/assets"] {
            #expect(try page.get("/api/v1/\(path)").status == 401, "\(path)")
        }
        let bearer = "Authorization: Bearer correct-horse-battery-staple-42"
        #expect(try page.get("/api/v1/alarms", bearer).status == 200)
    }

    @Test(
        "A browser shows the agent's live values, and says so when the agent is gone",
        .enabled(if: TestBrowser.isAvailable, "Chromium is not installed"))
    func browser() throws {
        let page = try PageAgent()
        let hostile = "<img src=x onerror=alert(1)>"
        try page.publish(hostile, 1)
        for level in [1, 8, 8, 8.0] { try page.publish("p1", level) }
        let assets = try page.assets(2)
        let browser = try TestBrowser()
        try browser.open("http://localhost:\(page.port)/#asset=p1")
        try browser.wait(for: "document.querySelectorAll('#charts .line').length === 5")
        // What it shows is what the agent says of itself.
        let status = try page.json("/api/v1/status")
        let alarm = try #require((status["alarms"] as? [[String: Any]])?.first)
        let asset = alarm["asset"] as? String ?? "", severity = alarm["severity"] as? String ?? ""
        #expect(try browser.text("document.querySelector('#agent').textContent") == "box")
        #expect(
            try browser.text("document.querySelector('#state-text').textContent")
                == "1 alarm raised")
        let row = "document.querySelector('#assets .row').textContent"
        #expect(try browser.text(row).hasPrefix("\(asset)\(severity),"))
        #expect(asset == "p1" && severity == "warning")
        let score = try #require(assets[0]["score"] as? Double)
        #expect(
            try browser.text("document.querySelector('#assets .row-score').textContent")
                == "\(Int(score))")
        #expect(
            try browser.text("document.querySelector('.chart .chart-value').textContent")
                == "\(Int(score))")
        #expect(
            try browser.text("document.querySelector('#detail-state').textContent") == "warning")
        #expect(try browser.text("document.querySelectorAll('img').length") == "0")
        #expect(try browser.text("document.querySelectorAll('#charts .threshold').length") != "0")
        // It follows.
        for _ in 0..<3 { try page.publish("p1", 1) }
        try browser.wait(for: "document.querySelector('#state-text').textContent === 'All normal'")
        try browser.wait(
            for: "document.querySelector('#announce').textContent.includes('p1 cleared')")
        #expect(try browser.text("document.querySelector('#raised').hidden") == "true")
        // Search, keyboard, a phone.
        try browser.wait(
            for: """
                (search => { search.value = 'IMG'; search.dispatchEvent(new Event('input')); return true; })(document.querySelector('#search'))
                """)
        try browser.wait(for: "document.querySelectorAll('#assets .row').length === 1")
        try browser.wait(
            for: """
                (charts => { charts.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home' })); \
                return document.querySelector('.hair[visibility=visible]') !== null; })(document.querySelector('#charts'))
                """)
        try browser.size(390, 844)
        #expect(try browser.text("document.documentElement.scrollWidth") == "390")
        #expect(
            try browser.text(
                "[...document.querySelectorAll('button, input, select')].filter(e => !e.hidden && !e.textContent && !e.ariaLabel && !e.labels?.length).length"
            ) == "0")
        #expect(try browser.complaints() == [])
        try page.agent.stop()
        try browser.wait(for: "document.documentElement.dataset.link === 'lost'")
        try browser.wait(
            for: "document.querySelector('#state-text').textContent === 'Disconnected'")
        #expect(
            try browser.text("document.querySelector('#link').textContent").contains(
                "does not answer"))
    }

    @Test(
        "A browser asks for the token, says that a wrong one is wrong, and goes on with the right one",
        .enabled(if: TestBrowser.isAvailable, "Chromium is not installed"))
    func unlock() throws {
        let directory = try TemporaryDirectory("page-token")
        let file = try directory.write("correct-horse-battery-staple-42\n", to: "token")
        chmod(file, 0o600)
        let page = try PageAgent(", tokenFile: \(file)")
        let browser = try TestBrowser()
        try browser.open("http://localhost:\(page.port)/")
        try browser.wait(for: "document.documentElement?.dataset.link === 'locked'")
        #expect(try browser.text("document.querySelector('#main').hidden") == "true")
        func enter(_ token: String) throws {
            try browser.wait(
                for: """
                    (input => { input.value = '\(token)'; input.form.requestSubmit(); return true; })(document.querySelector('#token'))
                    """)
        }
        try enter("wrong")
        try browser.wait(
            for: "document.querySelector('#unlock-error').textContent.includes('does not take')")
        try enter("correct-horse-battery-staple-42")
        try browser.wait(for: "document.querySelector('#agent').textContent === 'box'")
        #expect(try browser.text("document.querySelector('#unlock').hidden") == "true")
    }
}
