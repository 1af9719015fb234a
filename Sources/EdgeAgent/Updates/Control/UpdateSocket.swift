internal import Glibc

/// The socket on which the running agent takes commands, in its state directory: who may write there may command.
///
/// - Thread: one; nothing of it waits longer than a second for a peer.
struct UpdateSocket: ~Copyable {
    private let socket: LocalSocket
    var descriptor: Int32 { socket.descriptor }

    /// Listens. The caller holds the `UpdateLock`.
    ///
    /// - Throws: `.unwritable`.
    static func listen(_ path: String) throws(BundleError) -> UpdateSocket {
        do throws(SocketError) {
            return UpdateSocket(socket: try .listen(path))
        } catch {
            throw .unwritable(path: path, errorNumber: error.errorNumber)
        }
    }

    /// Takes one request that waits, and answers it.
    func serve(_ obey: (UpdateRequest, _ actor: String) -> UpdateAnswer) {
        guard let peer = socket.accept(), let line = Self.readLine(peer) else { return }
        let answer: UpdateAnswer
        if let request = try? UpdateRequest(parsing: line) {
            answer = obey(request, Self.actor(peer))
        } else {
            answer = UpdateAnswer(isAccepted: false, text: "this is no command")
        }
        peer.write(answer.encoded + [0x0A])
    }

    /// Sends a request to the agent that listens there.
    ///
    /// - Returns: nil when none answers.
    static func ask(_ path: String, _ request: UpdateRequest) -> UpdateAnswer? {
        guard let peer = try? LocalSocket.connect(path, seconds: 60) else { return nil }
        peer.write(request.encoded + [0x0A])
        guard let line = readLine(peer) else { return nil }
        return try? UpdateAnswer(parsing: line)
    }

    private static func readLine(_ peer: borrowing LocalSocket) -> [UInt8]? {
        var line: [UInt8] = []
        var byte: [UInt8] = [0]
        while line.count < UpdateRequest.maximumBytes * 2 {
            guard peer.read(into: &byte) == 1 else { return nil }
            if byte[0] == 0x0A { return line }
            line.append(byte[0])
        }
        return nil
    }

    /// Who asks, as the kernel says it.
    private static func actor(_ peer: borrowing LocalSocket) -> String {
        var credentials: (pid: Int32, uid: UInt32, gid: UInt32) = (0, 0, 0)
        var length = socklen_t(12)
        // struct ucred: three words of 32 bits. SO_PEERCRED is 17 on every Linux that this builds for.
        guard
            unsafe getsockopt(peer.descriptor, SOL_SOCKET, 17, &credentials, &length) == 0,
            length == 12
        else { return "unknown" }
        return "uid \(credentials.uid)"
    }
}
