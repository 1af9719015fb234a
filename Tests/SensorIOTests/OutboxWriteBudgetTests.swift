import Testing

@testable import SensorIO

@Suite("Outbox write budget")
struct OutboxWriteBudgetTests {
    private static let day = OutboxWriteBudget.dayNanoseconds

    @Test("A day over the budget is said once, and once that a whole day was not")
    func days() {
        var budget = OutboxWriteBudget(budgetBytes: 100)
        #expect(budget.update(bytesWritten: 0, now: 5) == nil)
        #expect(budget.update(bytesWritten: 100, now: 6) == nil)
        #expect(
            budget.update(bytesWritten: 101, now: 7)
                == .writeBudget(isExceeded: true, bytes: 101, budget: 100))
        #expect(budget.update(bytesWritten: 500, now: 8) == nil)
        // The next day is over it as well, the one after is not.
        #expect(budget.update(bytesWritten: 500, now: 5 + Self.day) == nil)
        #expect(budget.update(bytesWritten: 700, now: 6 + Self.day) == nil)
        #expect(budget.update(bytesWritten: 700, now: 5 + 2 * Self.day) == nil)
        #expect(budget.update(bytesWritten: 750, now: 6 + 2 * Self.day) == nil)
        #expect(
            budget.update(bytesWritten: 750, now: 5 + 3 * Self.day)
                == .writeBudget(isExceeded: false, bytes: 50, budget: 100))
        #expect(
            budget.update(bytesWritten: 851, now: 6 + 3 * Self.day)
                == .writeBudget(isExceeded: true, bytes: 101, budget: 100))
    }

    @Test("Without a budget nothing is said")
    func none() {
        var budget = OutboxWriteBudget(budgetBytes: nil)
        #expect(budget.update(bytesWritten: .max, now: .max) == nil)
    }
}
