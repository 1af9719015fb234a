import EdgeAgent
import Foundation
import TestSupport
import Testing

@Suite("The documentation")
struct DocumentationTests {
    /// What other blocks may hold; `json`, `python` and `text` have tests of their own where they are made.
    private static let languages: Set<String> = [
        "sh", "console", "yaml", "json", "python", "text", "ini", "c", "swift",
    ]

    @Test("has the form that lets it be tested", arguments: DocumentedFile.all)
    func form(file: DocumentedFile) {
        #expect(file.faults.isEmpty, "see Documentation in CONTRIBUTING.md")
        for block in file.blocks {
            #expect(Self.languages.contains(block.language), "\(file.name):\(block.line)")
            if case .skipped(let reason) = block.directive {
                #expect(reason.count >= 10, "\(file.name):\(block.line): no reason")
            }
        }
    }

    @Test(
        "has no command that does not work, in the order of each page",
        .enabled(
            if: TestBroker.isAvailable && EventPython.has("ai_edge_litert", "flatbuffers"),
            "needs mosquitto and the Python packages of scripts/models/requirements.txt"),
        arguments: DocumentedFile.all.filter { file in
            file.blocks.contains { block in
                if case .skipped = block.directive { return false }
                return ["sh", "console"].contains(block.language)
            }
        })
    func commands(file: DocumentedFile) throws {
        let sandbox = try DocumentationSandbox()
        for block in file.blocks {
            do {
                try sandbox.follow(block)
            } catch {
                Issue.record(
                    "\(file.name):\(block.line): \(error)\nsee Documentation in CONTRIBUTING.md")
                return
            }
        }
    }

    @Test("has no configuration that the agent does not take", arguments: DocumentedFile.all)
    func configurations(file: DocumentedFile) throws {
        for block in file.blocks where block.language == "yaml" {
            if case .skipped = block.directive { continue }
            let directory = try TemporaryDirectory("docs")
            let main = try directory.write(Self.base(block.text), to: "edge-agent.yaml")
            try FileManager.default.createDirectory(
                atPath: directory.file("conf.d"), withIntermediateDirectories: false)
            try directory.write(block.text, to: "conf.d/10-documented.yaml")
            do {
                _ = try Configuration.load(
                    path: main,
                    environment: ["CREDENTIALS_DIRECTORY": "/run/credentials/edge-agent"],
                    hostName: "box")
            } catch {
                Issue.record("\(file.name):\(block.line): \(error)")
            }
        }
    }

    /// What a fragment lacks; a whole configuration stands for itself.
    private static func base(_ fragment: String) -> String {
        let isWhole = fragment.contains("brokers:") && fragment.contains("pipelines:")
        guard !isWhole else { return "{}" }
        return """
            brokers: { plant: { host: localhost } }
            sensors: { broker: plant }
            uplink: { broker: plant }
            registries: { plant: { type: oci, url: "https://registry.example:5000" } }
            pipelines: [{ name: pumps, topics: ["base/{asset}"], model: /bundle }]
            """
    }

    @Test("has no link to nowhere, and every page is in the index", arguments: DocumentedFile.all)
    func links(file: DocumentedFile) throws {
        for link in file.links where !link.target.contains("://") {
            let parts = link.target.split(
                separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
            let target =
                parts[0].isEmpty
                ? file.url
                : file.url.deletingLastPathComponent().appendingPathComponent(String(parts[0]))
            let place = "\(file.name):\(link.number): \(link.target)"
            #expect(FileManager.default.fileExists(atPath: target.path), "\(place)")
            guard parts.count > 1, target.pathExtension == "md" else { continue }
            let text = try String(contentsOf: target, encoding: .utf8)
            #expect(DocumentedFile("", text).anchors.contains(String(parts[1])), "\(place)")
        }
        let page = file.name.replacingOccurrences(of: "docs/", with: "")
        if file.name.hasPrefix("docs/"), page != "README.md" {
            let index = try #require(DocumentedFile("docs/README.md"))
            #expect(index.links.contains { $0.target == page }, "\(page) is not in docs/README.md")
        }
    }

    @Test("finds commands, what the reader is told about them, and what hides from it")
    func reading() {
        let page = DocumentedFile(
            "page.md",
            """
            # A title, with `code`
            <!-- not run: needs a mill -->

            ```sh
            make bread
            ```
            <!-- run until: ready -->
            text
            ```console
            $ true
            ```
            <!-- file: a.yaml -->
            ```yaml
            a: 1
            ```

                rm -rf hidden
            ```
            no language
            ```
            """)
        #expect(page.anchors == ["a-title-with-code"])
        #expect(page.blocks.map(\.language) == ["sh", "console", "yaml", ""])
        #expect(
            page.blocks.map(\.directive) == [
                .skipped(reason: "needs a mill"), .none, .file(name: "a.yaml"), .none,
            ])
        #expect(page.blocks[0].text == "make bread\n")
        #expect(
            page.faults == [
                "page.md:17: an indented block: fence it", "page.md:18: a block without a language",
            ])
        let lines = ["one", "two 2", "three"]
        #expect(DocumentationSandbox.matches(lines[...], ["one", "two …", "three"]))
        #expect(DocumentationSandbox.matches(lines[...], ["…", "three"]))
        #expect(!DocumentationSandbox.matches(lines[...], ["one", "three"]))
        #expect(!DocumentationSandbox.matches(lines[...], ["one", "…2…", "th"]))
    }

    @Test(
        "A command that fails, prints something else or never gets there is found",
        .enabled(if: TestBroker.isAvailable, Comment(rawValue: TestBroker.skipReason)),
        arguments: [
            "```sh\nedge-agent frobnicate\n```", "```sh\nfalse\ntrue\n```",
            "```console\n$ echo a\nb\n```", "<!-- run until: ready -->\n```sh\necho no\n```",
        ])
    func failing(text: String) throws {
        let sandbox = try DocumentationSandbox()
        let block = try #require(DocumentedFile("page.md", text).blocks.first)
        #expect(throws: TestFailure.self) { try sandbox.follow(block) }
    }
}
