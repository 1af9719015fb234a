package enum Placeholder1 {}
