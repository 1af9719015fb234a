package enum Placeholder3 {}
