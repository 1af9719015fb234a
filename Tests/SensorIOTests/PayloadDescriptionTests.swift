import SensorIO
import Testing

@Suite("Payload descriptions")
struct PayloadDescriptionTests {
    @Test(
        "read dotted paths",
        arguments: [
            ("a", ["a"]), ("a.b.0", ["a", "b", "0"]), (#"a\.b.c"#, ["a.b", "c"]),
            (#"a\\.b"#, [#"a\"#, "b"]),
            ("Wälz lager.°C", ["Wälz lager", "°C"]),
        ])
    func paths(text: String, components: [String]) throws {
        let path = try PayloadPath(text)
        #expect(path.components == components)
        #expect(try PayloadPath(path.description) == path)
    }

    @Test(
        "refuse broken paths with the position",
        arguments: [
            ("", PayloadPathError.emptyComponent(position: 0)),
            (".a", .emptyComponent(position: 0)),
            ("a..b", .emptyComponent(position: 2)), ("a.", .emptyComponent(position: 2)),
            (#"a\x"#, .invalidEscape(position: 2)), (#"a\"#, .invalidEscape(position: 2)),
            ("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a", .tooManyComponents(maximum: 16)),
        ])
    func brokenPaths(text: String, error: PayloadPathError) {
        #expect(throws: error) { try PayloadPath(text) }
    }

    @Test("are refused where they cannot work")
    func errors() throws {
        let a = ChannelDescription(name: "a")
        let b = ChannelDescription(name: "b")
        func refused(_ description: PayloadDescription, _ channels: [ChannelDescription])
            -> PayloadDescriptionError?
        {
            do throws(PayloadDescriptionError) {
                _ = try PayloadDecoder(description, channels: channels)
                return nil
            } catch {
                return error
            }
        }
        func field(_ channel: String, _ path: String) throws -> PayloadField {
            PayloadField(channel: channel, path: try PayloadPath(path))
        }
        #expect(refused(PayloadDescription(), []) == .noChannels)
        #expect(refused(PayloadDescription(), [a, a]) == .duplicateChannel("a"))
        #expect(
            refused(PayloadDescription(channels: .fields([try field("a", "x")])), [a, b])
                == .channelWithoutField("b"))
        #expect(
            refused(
                PayloadDescription(channels: .fields([try field("a", "x"), try field("a", "y")])),
                [a]) == .duplicateChannel("a"))
        #expect(
            refused(
                PayloadDescription(
                    channels: .fields([try field("a", "x"), try field("b", "x.y")])), [a, b])
                == .conflictingPaths("x", "x.y"))
        #expect(
            refused(
                PayloadDescription(timestamp: .field(try PayloadPath("a"), unit: .seconds)), [a])
                == .conflictingPaths("a", "a"))
        #expect(
            refused(PayloadDescription(format: .textScalar), [a])
                == .channelsDoNotFitFormat(.textScalar))
        #expect(
            refused(PayloadDescription(channels: .fixed("a")), [a])
                == .channelsDoNotFitFormat(.jsonObject))
        #expect(
            refused(PayloadDescription(format: .jsonScalar, channels: .fixed("c")), [a])
                == .unknownChannel("c"))
        #expect(
            refused(
                PayloadDescription(
                    format: .jsonScalar, channels: .fixed("a"),
                    timestamp: .field(try PayloadPath("t"), unit: .seconds)), [a])
                == .timestampNeedsObject)
        #expect(
            refused(PayloadDescription(maximumBytes: 0), [a])
                == .limitOutOfRange("maximumBytes", actual: 0, allowed: 1...(16 << 20)))
        #expect(
            refused(
                PayloadDescription(),
                [ChannelDescription(name: "a", validRange: 0...Double.infinity)])
                == .invalidValidRange(channel: "a"))
        #expect(
            refused(PayloadDescription(), [ChannelDescription(name: "")])
                == .channelWithoutField(""))
    }
}
