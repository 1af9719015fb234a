/// One path that the agent answers on, and how.
///
/// Only GET and HEAD reach it; HEAD is answered as GET, without the body.
package struct HTTPRoute: Sendable {
    /// Which paths are meant. They are compared as they came, byte by byte: nothing is decoded, so there is no
    /// second spelling of a path, and none leads out of what is listed here.
    package enum Path: Sendable, Equatable {
        case exact(String)
        /// Everything that begins so; the route looks at the rest itself.
        case prefix(String)

        func matches(_ path: String) -> Bool {
            switch self {
            case .exact(let text): path == text
            case .prefix(let text): path.utf8.starts(with: text.utf8)
            }
        }
    }

    package var path: Path
    /// False only for what says nothing about the plant: the page's own files, and whether the agent is well.
    package var requiresToken: Bool
    /// Called on the thread `http`; must not block.
    package var respond: @Sendable (ServerRequest) -> ServerResponse

    package init(
        _ path: Path, requiresToken: Bool = true,
        respond: @escaping @Sendable (ServerRequest) -> ServerResponse
    ) {
        self.path = path
        self.requiresToken = requiresToken
        self.respond = respond
    }
}
