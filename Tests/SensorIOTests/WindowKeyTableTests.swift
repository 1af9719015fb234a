import SensorIO
import TestSupport
import Testing

@Suite("Byte key table")
struct WindowKeyTableTests {
    @Test("behaves like a dictionary of bounded size", arguments: 1...6 as ClosedRange<UInt64>)
    func behavesLikeDictionary(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let capacity = Int.random(in: 1...40, using: &generator)
        var table = ByteKeyTable(capacity: capacity, maximumKeyBytes: 8)
        var model: [[UInt8]: Int] = [:]
        for _ in 0..<4000 {
            let length = Int.random(in: 0...9, using: &generator)
            let key = (0..<length).map { _ in UInt8.random(in: 0...2, using: &generator) }
            key.withUnsafeBytes { bytes in
                let slot = table.find(bytes)
                #expect(slot == model[key], "seed \(seed)")
                if let slot {
                    #expect(Array(table.key(of: slot)) == key)
                    if Bool.random(using: &generator) {
                        table.remove(slot: slot)
                        model[key] = nil
                    }
                } else {
                    let inserted = table.insert(bytes)
                    #expect(
                        (inserted != nil) == (model.count < capacity && key.count <= 8),
                        "seed \(seed)")
                    if let inserted {
                        #expect(!model.values.contains(inserted), "seed \(seed)")
                        model[key] = inserted
                    }
                }
            }
            #expect(table.count == model.count)
        }
    }

    @Test("gives out slots from 0 up and ignores slots that are free")
    func slots() {
        var table = ByteKeyTable(capacity: 3, maximumKeyBytes: 4)
        for (index, key) in ["a", "b", "c"].enumerated() {
            #expect(Array(key.utf8).withUnsafeBytes { table.insert($0) } == index)
        }
        table.remove(slot: 1)
        table.remove(slot: 1)
        table.remove(slot: 99)
        #expect(table.count == 2)
        #expect(table.key(of: 1).isEmpty && table.key(of: -1).isEmpty)
        #expect(!table.isUsed(1) && table.isUsed(2))
    }
}
