import EdgeAgent
import TestSupport
import Testing

@Suite("Recorded samples")
struct SampleTableTests {
    @Test(
        "Columns are found by name, whatever separates them and ends the lines",
        arguments: [
            "time,b,a\n1,2,3\n4,5,6\n", "time;b;a\r\n1;2;3\r\n4;5;6",
            "\u{FEFF}time\tb\ta\n1\t2\t3\n4\t5\t6\n",
            "time, b, \"a\"\n1, 2, 3\n4, 5, 6",
        ])
    func columns(text: String) throws {
        let directory = try TemporaryDirectory()
        let table = try SampleTable(
            path: try directory.write(text, to: "s.csv"), channels: ["a", "b"])
        #expect(table.series == [[3, 2, 6, 5]])
    }

    @Test("An empty line or another asset begins a new series")
    func series() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("asset,x\np1,1\np1,2\np2,3\n\np2,4\n", to: "s.csv")
        #expect(try SampleTable(path: path, channels: ["x"]).series == [[1, 2], [3], [4]])
    }

    @Test("Rows of several assets may alternate")
    func alternating() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("asset,x\np1,1\np2,3\np1,2\np2,4\n", to: "s.csv")
        #expect(try SampleTable(path: path, channels: ["x"]).series == [[1, 2], [3, 4]])
    }

    @Test(
        "Errors name file, line and column",
        arguments: [
            ("a,b\n1,2\n1\n", ":3: 1 fields, the header has 2"),
            ("a,b\n1,x\n", ":2: b: 'x' is not a finite number"),
            ("a,b\n1,inf\n", ":2: b: 'inf' is not a finite number"),
            ("c\n1\n", ":1: no column 'a'; there are: c"), ("", ": has no header line"),
        ])
    func errors(text: String, message: String) throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(text, to: "s.csv")
        let error = #expect(throws: SampleTableError.self) {
            try SampleTable(path: path, channels: ["a", "b"])
        }
        #expect("\(try #require(error))".hasPrefix(path + message))
    }

    @Test(
        "Quantiles are those of NumPy", arguments: [(0.0, 1.0), (0.5, 2.5), (0.9, 3.7), (1.0, 4.0)])
    func quantiles(probability: Double, expected: Double) {
        let value = Quantiles.quantile(probability, ofSorted: [1, 2, 3, 4])
        #expect(abs(value - expected) < 1e-9)
    }
}
