/// Writes the text that Prometheus reads, in one of its two formats.
///
/// - Source: Prometheus text format 0.0.4; OpenMetrics 1.0.0.
package struct MetricsWriter {
    package enum Format: Sendable {
        case prometheus
        case openMetrics

        package var contentType: String {
            switch self {
            case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }

        /// The one that a client prefers.
        package init(accept: String?) {
            // Who names OpenMetrics at all reads it; Prometheus names both and prefers it.
            self =
                accept?.lowercased().contains("application/openmetrics-text") == true
                ? .openMetrics : .prometheus
        }
    }

    package enum Kind: String, Sendable {
        case counter, gauge, histogram
        /// A gauge that is 1 and has facts as labels.
        case info
    }

    typealias Label = (name: StaticString, value: String)

    private let format: Format
    private var family = ""
    package private(set) var text = ""

    package init(_ format: Format) {
        self.format = format
        text.reserveCapacity(32 << 10)
    }

    /// Begins a family; its samples follow.
    mutating func begin(_ family: MetricFamily) {
        self.family = family.name
        var name = family.name
        var kind = family.kind.rawValue
        switch (format, family.kind) {
        case (.openMetrics, .counter): name = Self.without("_total", name)
        case (.openMetrics, .info): name = Self.without("_info", name)
        case (.prometheus, .info): kind = "gauge"
        default: break
        }
        text += "# HELP \(name) \(family.help)\n# TYPE \(name) \(kind)\n"
        if format == .openMetrics, let unit = family.unit { text += "# UNIT \(name) \(unit)\n" }
    }

    private static func without(_ suffix: String, _ name: String) -> String {
        name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : name
    }

    mutating func sample(_ value: UInt64, _ labels: Label...) { line("", labels, "\(value)") }
    mutating func sample(_ value: Int, _ labels: Label...) { line("", labels, "\(value)") }
    mutating func sample(_ value: Bool, _ labels: Label...) { line("", labels, value ? "1" : "0") }
    mutating func sample(_ value: Double, _ labels: Label...) {
        line("", labels, Self.number(value))
    }

    /// Upper bounds of the buckets of a latency. - Units: nanoseconds.
    package static let latencyBounds: [UInt64] = [
        10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
        10_000_000,
        25_000_000, 50_000_000, 100_000_000, 250_000_000, 1_000_000_000, 10_000_000_000,
    ]

    /// Writes a histogram. A value counts by the bucket of 3 % that the agent keeps it in.
    mutating func sample(_ histogram: HistogramSnapshot, _ labels: Label...) {
        for bound in Self.latencyBounds {
            let seconds = Self.number(Double(bound) / 1e9)
            line("_bucket", labels + [("le", seconds)], "\(histogram.count(atMost: bound))")
        }
        line("_bucket", labels + [("le", "+Inf")], "\(histogram.count)")
        line("_sum", labels, Self.number(Double(histogram.sumNanoseconds) / 1e9))
        line("_count", labels, "\(histogram.count)")
    }

    /// Ends the text.
    package mutating func finish() {
        if format == .openMetrics { text += "# EOF\n" }
    }

    private mutating func line(_ suffix: String, _ labels: [Label], _ value: String) {
        text += family
        text += suffix
        if !labels.isEmpty {
            text += "{"
            for (index, label) in labels.enumerated() {
                if index > 0 { text += "," }
                text += "\(label.name)=\""
                Self.escape(label.value, into: &text)
                text += "\""
            }
            text += "}"
        }
        text += " "
        text += value
        text += "\n"
    }

    private static func escape(_ value: String, into text: inout String) {
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        guard value.isFinite else { return value < 0 ? "-Inf" : "+Inf" }
        return "\(value)"
    }
}
