internal import Glibc

/// What the command `status` does.
package enum StatusTool {
    /// Why there is no answer.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// Asks the running agent how it is. Blocks.
    ///
    /// - Throws: `Failure`, when none answers.
    /// - Returns: text for people, or one line of JSON.
    package static func ask(
        _ loaded: LoadedConfiguration, isJSON: Bool
    ) throws(Failure) -> String {
        let directory = loaded.configuration.agent.stateDirectory
        do throws(SocketError) {
            let bytes = try StatusSocket.ask(isJSON ? .json : .text, stateDirectory: directory)
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            let path = StatusSocket.path(in: directory)
            let hint =
                switch error.errorNumber {
                case ENOENT, ECONNREFUSED:
                    "no agent runs with this configuration: systemctl status edge-agent"
                case EACCES: "this user may not ask it: sudo edge-agent status"
                default: "is it stopping, or does it hang? systemctl status edge-agent"
                }
            throw Failure(description: "\(path): \(error): \(hint)")
        }
    }
}
