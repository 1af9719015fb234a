/// Options of a recurrent layer that begins anew with every run, in one direction.
struct RecurrentOptions: Equatable {
    /// The raw value is the number of gates.
    enum Kind: Int { case rnn = 1, gru = 3, lstm = 4 }

    enum Activation: Int { case logistic, tanh, relu }

    var kind: Kind
    /// Of the gates, of what enters the state, and of the cell.
    var activations: [Activation]
    /// Bound of the activations' arguments; 0: none.
    var clip: Float
    /// From the last step to the first.
    var isReversed: Bool
    /// Of a GRU: the reset gate is applied before the recurrent product, not to it.
    var resetsFirst: Bool
}

/// Values for keys.
struct LabelMap: Equatable {
    /// Ascending, as many as values.
    var keys: [Double]
    var values: [Double]
    /// For what is no key.
    var otherwise: Double
}
