/// Several filters in the order of the configuration: says which one a topic belongs to.
package struct TopicRouter: Sendable {
    package let filters: [TopicFilter]

    package init(_ filters: [TopicFilter]) {
        self.filters = filters
    }

    /// The index of the first filter that matches, with what its captures stand for in `captures`; nil when
    /// none does.
    ///
    /// - Complexity: linear in the number of filters; allocates nothing.
    package func route(_ topic: UnsafeRawBufferPointer, captures: inout TopicCaptures) -> Int? {
        for index in filters.indices
        where unsafe filters[index].matches(topic, captures: &captures) {
            return index
        }
        return nil
    }
}
