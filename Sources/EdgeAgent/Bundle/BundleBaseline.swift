package import SensorIO

/// `baseline.json`: what features and scores looked like in training, as quantiles, to tell drift.
package struct BundleBaseline: Sendable, Equatable {
    package var windows: Int
    package var probabilities: [Double]
    /// Quantiles of each feature as the model is fed it, in the order of the features.
    package var features: [NamedQuantiles]
    /// Quantiles of the score.
    package var score: [Double]

    /// The quantiles of one feature.
    package struct NamedQuantiles: Sendable, Equatable {
        package var name: String
        package var quantiles: [Double]

        package init(name: String, quantiles: [Double]) {
            self.name = name
            self.quantiles = quantiles
        }
    }

    package init(
        windows: Int, probabilities: [Double], features: [NamedQuantiles], score: [Double]
    ) {
        self.windows = windows
        self.probabilities = probabilities
        self.features = features
        self.score = score
    }

    /// Reads the file's document.
    ///
    /// - Throws: `JSONError` with the path of what is wrong.
    package init(_ document: JSONValue) throws(JSONError) {
        let root = JSONNode(document)
        try root.requireKeys(among: ["windows", "probabilities", "features", "score"])
        windows = try root.required("windows").integer(in: 0...Int(Int32.max))
        let probabilities = try root.required("probabilities").numbers()
        self.probabilities = probabilities
        func quantiles(_ node: JSONNode) throws(JSONError) -> [Double] {
            let values = try node.numbers()
            guard values.count == probabilities.count else {
                throw node.invalid("have one value for each probability")
            }
            return values
        }
        features = []
        for element in try root.required("features").elements() {
            try element.requireKeys(among: ["name", "quantiles"])
            features.append(
                NamedQuantiles(
                    name: try element.required("name").string(),
                    quantiles: try quantiles(element.required("quantiles"))))
        }
        score = try quantiles(root.required("score"))
    }

    /// The file's bytes.
    package func encoded() -> [UInt8] {
        var json = JSONWriter(growingTo: 16 << 20, layout: .indented)
        json.beginObject()
        json.member("windows", windows)
        json.member("probabilities", probabilities)
        json.beginArray("features")
        for feature in features {
            json.beginObject()
            json.member("name", feature.name)
            json.member("quantiles", feature.quantiles)
            json.endObject()
        }
        json.endArray()
        json.member("score", score)
        json.endObject()
        _ = json.finish()
        return json.copyBytes() + [0x0A]
    }
}
