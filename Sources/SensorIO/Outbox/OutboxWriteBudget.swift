/// Watches how much is written to the disk in a day.
///
/// It only tells: what has been decided is written whatever it costs.
struct OutboxWriteBudget {
    static let dayNanoseconds: UInt64 = 86_400_000_000_000

    var budgetBytes: Int?
    private var dayStart: UInt64?
    private var bytesAtStart: UInt64 = 0
    private var isExceeded = false
    /// Whether the day that runs has been over the budget.
    private var isExceededToday = false

    init(budgetBytes: Int?) { self.budgetBytes = budgetBytes }

    /// - Parameter bytesWritten: since the start; only grows.
    /// - Returns: what there is to say: once when a day is over the budget, and once when a whole one was not.
    mutating func update(bytesWritten: UInt64, now: UInt64) -> OutboxEvent? {
        guard let budgetBytes else { return nil }
        let start = dayStart ?? now
        dayStart = start
        let today = bytesWritten &- bytesAtStart
        if today > UInt64(max(budgetBytes, 0)), !isExceededToday {
            isExceededToday = true
            guard !isExceeded else { return nil }
            isExceeded = true
            return .writeBudget(isExceeded: true, bytes: today, budget: budgetBytes)
        }
        guard now &- start >= Self.dayNanoseconds else { return nil }
        let wasExceeded = isExceededToday
        dayStart = now
        bytesAtStart = bytesWritten
        isExceededToday = false
        guard isExceeded, !wasExceeded else { return nil }
        isExceeded = false
        return .writeBudget(isExceeded: false, bytes: today, budget: budgetBytes)
    }
}
