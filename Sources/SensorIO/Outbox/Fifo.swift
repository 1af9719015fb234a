/// A queue in an array: appended at the end, taken from the front.
struct Fifo<Element> {
    private var elements: [Element] = []
    private var head = 0

    var isEmpty: Bool { head == elements.count }
    var count: Int { elements.count - head }
    var first: Element? { isEmpty ? nil : elements[head] }
    var contents: ArraySlice<Element> { elements[head...] }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func removeFirst() {
        guard !isEmpty else { return }
        head += 1
        // What has been taken is dropped when it is the larger part: each element moves once on average.
        if head == elements.count {
            elements.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 64, head > elements.count / 2 {
            elements.removeFirst(head)
            head = 0
        }
    }

    mutating func removeAll() {
        elements.removeAll(keepingCapacity: true)
        head = 0
    }

    mutating func mapInPlace(_ transform: (Element) -> Element) {
        for index in head..<elements.count { elements[index] = transform(elements[index]) }
    }
}
