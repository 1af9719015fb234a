import EdgeAgent

@main
struct EdgeAgentCommand {
    static func main() {}
}
