import EdgeAgent
import SensorIO
import Testing

@Suite("Bundle limits")
struct BundleLimitTests {
    private func manifest(
        _ changes: KeyValuePairs<String, String>
    ) throws(JSONError) -> BundleManifest {
        var text = BundleManifestTests.valid
        for (found, replacement) in changes {
            text = text.replacing(found, with: replacement, maxReplacements: 1)
        }
        return try BundleManifest(JSONValue(parsing: text))
    }

    @Test(
        "A window that could never be kept is refused when it is read",
        arguments: [
            (#""hop": 4"#, #""hop": 17"#, "hop"),
            (#""maximumAge": "1s""#, #""maximumAge": "1s", "maximumGap": "5s""#, "gap"),
            (#""interval": "100ms""#, #""interval": "2d""#, "interval"),
            (#""maximumAge": "1s""#, #""maximumAge": "365d""#, "maximumAge"),
        ])
    func windows(found: String, replacement: String, word: String) throws {
        let error = #expect(throws: JSONError.self) { try manifest([found: replacement]) }
        let text = "\(try #require(error))"
        #expect(text.hasPrefix("inputs: must describe a window that can be kept: "))
        #expect(text.contains(word))
    }

    @Test("A manifest with more features than any model has is refused, whatever it names")
    func features() throws {
        let channels = (0..<20).map { "{\"name\": \"c\($0)\"}" }.joined(separator: ",")
        let error = #expect(throws: JSONError.self) {
            try manifest([
                #"{"name": "vibration", "unit": "mm/s", "validRange": [0, 100]}"#: channels,
                #""window": 16"#: #""window": 1048576"#,
                #"["mean", "rms"]"#: #""raw""#, "vibration.rms": "c0[0]",
            ])
        }
        #expect(
            "\(try #require(error))".hasPrefix(
                "inputs: must describe features that can be computed"))
    }

    @Test(
        "A feature is found by its name without a list of all names",
        arguments: [
            ("vibration[0]", 0), ("Volume Flow[0]", 1), ("vibration[15]", 30),
            ("Volume Flow[15]", 31), ("vibration[16]", nil), ("vibration[-1]", nil),
            ("vibration[01]", nil), ("vibration[+1]", nil), ("vibration[]", nil), ("x[0]", nil),
            ("vibration", nil), ("]", nil), ("vibration[99999999999999999999]", nil),
        ] as [(String, Int?)])
    func rawFeature(name: String, index: Int?) throws {
        var manifest = try manifest([:])
        manifest.features = .raw
        #expect(manifest.featureIndex(named: name) == index)
        let names = manifest.features.names(
            channels: manifest.channels, samples: manifest.window.samples)
        #expect(names.firstIndex(of: name) == index)
    }
}
