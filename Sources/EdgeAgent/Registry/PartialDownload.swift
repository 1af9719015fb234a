/// A directory of one model's files on their way: the store's, one for each model and validator.
///
/// While a file comes it is called `.<name>.part`; a file without a leading dot is whole, checked and synced.
package struct PartialDownload: Sendable, Equatable {
    /// An absolute path; made if it is not there (its parent must be).
    package let path: String

    package init(path: String) { self.path = path }

    func file(_ name: String) -> String { "\(path)/\(name)" }
    func part(of name: String) -> String { "\(path)/.\(name).part" }
    /// Holds the ETag under which the part was begun, where no digest tells whether it may be gone on with.
    func entityTag(of name: String) -> String { "\(path)/.\(name).etag" }
}
