import EdgeAgent
import Foundation
import SensorIO
import Testing

@Suite("Bundle manifest")
struct BundleManifestTests {
    static let valid = """
        {"name": "pump-autoencoder", "version": "1.2.3-rc.1+b5", "release": 7,
         "expires": "2030-01-01T00:00:00Z", "summary": "for pumps", "runtime": "tflite",
         "minimumAgentVersion": "0.1.0",
         "inputs": {"channels": [{"name": "vibration", "unit": "mm/s", "validRange": [0, 100]},
                                 {"name": "Volume Flow", "outOfRange": "clamp"}],
                    "sampling": {"interval": "100ms", "maximumAge": "1s"},
                    "window": 16, "hop": 4, "features": ["mean", "rms"],
                    "normalization": {"offsets": [1, 2, 3, 4], "scales": [1, 0.5, 2, 4]}},
         "output": {"kind": "classProbabilities", "labels": ["ok", "worn", "broken"],
                    "alarmLabels": ["worn", "broken"]},
         "thresholds": {"severities": [{"severity": "warning", "raiseAbove": 0.5},
                                       {"severity": "critical", "raiseAbove": 0.9}],
                        "clearBelow": 0.4, "raiseAfter": 3, "clearAfter": 5, "reminder": "1h"},
         "inferenceBudget": "2ms",
         "fallback": {"feature": "vibration.rms", "above": 7.1, "clear": 6, "severity": "critical"}}
        """

    @Test("A manifest is read as written, and reading what it writes gives the same")
    func roundTrip() throws {
        let manifest = try BundleManifest(JSONValue(parsing: Self.valid))
        #expect(manifest.name == "pump-autoencoder")
        #expect(manifest.release == 7)
        #expect(manifest.channels.map(\.name) == ["vibration", "Volume Flow"])
        #expect(manifest.channels[1].outOfRange == .clamp)
        #expect(
            manifest.window
                == WindowDescription(
                    samples: 16, hop: 4,
                    alignment: .fixedRate(
                        intervalNanoseconds: 100_000_000, maximumAgeNanoseconds: 1_000_000_000)))
        #expect(manifest.scoreMethod == .classProbabilities(alarmClasses: [1, 2]))
        #expect(manifest.inferenceBudget == .milliseconds(2))
        #expect(manifest.expiresNanoseconds == 1_893_456_000_000_000_000)
        let rule = try manifest.alarmRule()
        #expect(rule.raiseAfter == 3 && rule.clearAfter == 5 && rule.clearBelow == 0.4)
        let fallback = try #require(manifest.fallbackRule())
        #expect(fallback.featureIndex == 1 && fallback.band == 2)
        #expect(try BundleManifest(JSONValue(parsing: manifest.encoded())) == manifest)
    }

    @Test(
        "What is wrong is named with its path",
        arguments: [
            (#""release": 7"#, #""release": 0"#, "release: must be within 1...2147483647"),
            (#""release": 7"#, #""release": "7""#, "release: expected an integer, found a string"),
            (#""release": 7"#, #""relaese": 7"#, "$: unknown key 'relaese'"),
            (#""1.2.3-rc.1+b5""#, #""1.2""#, "version: must be a version as in 1.2.3"),
            (
                #""name": "pump-autoencoder""#, #""name": "../evil""#,
                "name: must be 1 to 128 letters, digits, '.', '_' or '-', the first no '.'"
            ),
            // The store could not keep it.
            (
                #""name": "pump-autoencoder""#, #""name": ".pump""#,
                "name: must be 1 to 128 letters, digits, '.', '_' or '-', the first no '.'"
            ),
            (#""runtime": "tflite""#, #""runtime": "h5""#, "runtime: must be one of tflite, onnx"),
            (
                #""name": "Volume Flow""#, #""name": "vibration""#,
                "inputs.channels[1]: must have another name: 'vibration' stands there twice"
            ),
            (
                "[0, 100]", "[100, 0]",
                "inputs.channels[0].validRange: must be two numbers, the lower one first"
            ),
            (#""100ms""#, #""100 parsecs""#, "inputs.sampling.interval: must be a duration as in"),
            (#""window": 16"#, #""window": 0"#, "inputs.window: must be within 1...1048576"),
            (
                "[1, 2, 3, 4]", "[1, 2, 3]",
                "inputs.normalization.offsets: must have 4 numbers, it has 3"
            ),
            ("[1, 0.5, 2, 4]", "[1, 0, 2, 4]", "inputs.normalization.scales: must not contain 0"),
            (
                #"["mean", "rms"]"#, #"["mean", "mean"]"#,
                "inputs.features[1]: must stand there once"
            ),
            (#"["worn", "broken"]"#, #"["worn", "lost"]"#, "output.alarmLabels: must be some of"),
            (#""raiseAbove": 0.9"#, #""raiseAbove": 0.3"#, "thresholds: must be consistent"),
            (
                #""feature": "vibration.rms""#, #""feature": "vibration.max""#,
                "fallback.feature: must be a feature of the model, as in vibration.mean"
            ),
            (#""clear": 6"#, #""clear": 8"#, "fallback: must clear on the quiet side"),
            ("2030-01-01T00:00:00Z", "tomorrow", "expires: must be a time as in"),
        ])
    func namedErrors(found: String, replacement: String, message: String) throws {
        let ranges = Self.valid.ranges(of: found)
        #expect(ranges.count >= 1)
        let broken = Self.valid.replacing(found, with: replacement, maxReplacements: 1)
        let error = #expect(throws: JSONError.self) {
            try BundleManifest(JSONValue(parsing: broken))
        }
        #expect("\(try #require(error))".hasPrefix(message))
    }

    @Test("Only a description that is to be packed may be without thresholds")
    func description() throws {
        let parts = Self.valid.components(separatedBy: "\"thresholds\"")
        let end = try #require(parts[1].range(of: "\"inferenceBudget\""))
        let text = parts[0] + parts[1][end.lowerBound...]
        #expect(throws: JSONError.missing(path: "thresholds")) {
            try BundleManifest(JSONValue(parsing: text))
        }
        #expect(try BundleManifest(JSONValue(parsing: text), isDescription: true).thresholds == nil)
    }

    @Test("Damaged bytes give an error or a manifest, never a trap")
    func damage() throws {
        var generator = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0...UInt64.max, using: &generator)
        print("seed \(seed)")
        var state = seed
        for _ in 0..<2_000 {
            var bytes = Array(Self.valid.utf8)
            for _ in 0..<3 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int((state >> 33) % UInt64(bytes.count))] = UInt8(
                    truncatingIfNeeded: state >> 55)
            }
            _ = try? BundleManifest(JSONValue(parsing: bytes))
        }
    }

    @Test(
        "Versions are ordered as Semantic Versioning says",
        arguments: zip(
            [
                "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
                "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1",
            ],
            [
                "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
                "1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0",
            ]))
    func versionOrder(lower: String, higher: String) throws {
        let left = try #require(SemanticVersion(lower))
        let right = try #require(SemanticVersion(higher))
        #expect(left < right && !(right < left) && left != right)
    }

    @Test(
        "What is no version is refused",
        arguments: ["1", "1.2", "01.2.3", "1.2.3-", "1.2.3-01", "a.b.c", "", "1.2.3+"])
    func noVersion(text: String) { #expect(SemanticVersion(text) == nil) }
}
