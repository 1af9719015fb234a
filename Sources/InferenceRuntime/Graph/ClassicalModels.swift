/// A linear classifier or regressor over rows.
struct LinearModel: Equatable {
    /// [target][column]
    var coefficients: [Float]
    /// One for each target.
    var intercepts: [Float]
    /// A classifier's labels; nil for a regressor.
    var labels: [Int]?
    var postTransform: TreeEnsemble.PostTransform

    var targetCount: Int { intercepts.count }
    /// One score of two classes is given as two.
    var addsSecondClass: Bool { targetCount == 1 && labels?.count == 2 }
    var outputCount: Int { addsSecondClass ? 2 : targetCount }
}

/// A function of each column of a row, or of a row by its norm.
enum ColumnMap: Equatable {
    /// (x − offset) · scale; one value for all columns or one each.
    case scale(offset: [Float], scale: [Float])
    /// The column's value where x equals `missing` (NaN: where x is NaN).
    case impute(values: [Float], missing: Float)
    /// 1 above the threshold, else 0.
    case binarize(threshold: Float)
    case normalize(Norm)

    enum Norm: Equatable { case maximum, l1, l2 }
}
