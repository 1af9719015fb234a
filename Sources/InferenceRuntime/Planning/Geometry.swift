internal import CInferenceKernels

/// A shape as the kernels see it.
struct ImageShape: Equatable {
    var batches: Int
    var height: Int
    var width: Int
    var channels: Int

    /// Four dimensions as they stand; fewer are the innermost ones; the outermost of more are
    /// multiplied together.
    init(_ shape: [Int]) {
        let padded = Array(repeating: 1, count: max(0, 4 - shape.count)) + shape
        let inner = padded.suffix(3)
        batches = padded.dropLast(3).reduce(1, *)
        height = inner[inner.startIndex]
        width = inner[inner.startIndex + 1]
        channels = inner[inner.startIndex + 2]
    }

    init(batches: Int, height: Int, width: Int, channels: Int) {
        (self.batches, self.height, self.width, self.channels) = (batches, height, width, channels)
    }
}

/// Elements around a tensor that hold its zero point.
struct Border: Equatable {
    var top = 0
    var left = 0
    var bottom = 0
    var right = 0

    func union(_ other: Border) -> Border {
        Border(
            top: max(top, other.top), left: max(left, other.left),
            bottom: max(bottom, other.bottom), right: max(right, other.right))
    }

    func covers(_ other: Border) -> Bool { union(other) == self }
}

/// How one axis of a window moves.
struct AxisWindow: Equatable {
    let output: Int
    let padBefore: Int
    /// Elements that the last window reaches past the input's end.
    let padAfter: Int

    /// - Returns: nil when not even one window fits.
    ///
    /// - Parameter edges: what an explicit padding adds on this axis.
    init?(
        input: Int, kernel: Int, stride: Int, dilation: Int, padding: Padding,
        edges: (before: Int, after: Int) = (0, 0)
    ) {
        let span = (kernel - 1) * dilation + 1
        switch padding {
        case .same:
            output = (input + stride - 1) / stride
            padBefore = max((output - 1) * stride + span - input, 0) / 2
        case .valid:
            guard input >= span else { return nil }
            output = (input - span) / stride + 1
            padBefore = 0
        case .explicit:
            let extent = input + edges.before + edges.after
            guard extent >= span else { return nil }
            output = (extent - span) / stride + 1
            padBefore = edges.before
        }
        padAfter = max((output - 1) * stride + span - padBefore - input, 0)
    }
}

/// A windowed operator with everything checked and computed.
struct WindowGeometry: Equatable {
    let input: ImageShape
    let output: ImageShape
    let kernel: Extent
    let stride: Extent
    let dilation: Extent
    let vertical: AxisWindow
    let horizontal: AxisWindow

    /// - Returns: nil when the output's shape is not the one that follows from the input's.
    init?(
        input: ImageShape, output: ImageShape, kernel: Extent, window: Window, dilation: Extent
    ) {
        var edges = Border()
        if case .explicit(let border) = window.padding { edges = border }
        guard
            let vertical = AxisWindow(
                input: input.height, kernel: kernel.height, stride: window.stride.height,
                dilation: dilation.height, padding: window.padding,
                edges: (edges.top, edges.bottom)),
            let horizontal = AxisWindow(
                input: input.width, kernel: kernel.width, stride: window.stride.width,
                dilation: dilation.width, padding: window.padding,
                edges: (edges.left, edges.right)),
            vertical.output == output.height, horizontal.output == output.width,
            input.batches == output.batches
        else { return nil }
        self.input = input
        self.output = output
        self.kernel = kernel
        self.stride = window.stride
        self.dilation = dilation
        self.vertical = vertical
        self.horizontal = horizontal
    }

    /// How the kernels take it.
    var forKernels: ik_window {
        ik_window(
            kernel: kernel, stride: stride, dilation: dilation, padTop: vertical.padBefore,
            padLeft: horizontal.padBefore)
    }

    /// What must lie around the input so that no window leaves memory.
    var border: Border {
        Border(
            top: vertical.padBefore, left: horizontal.padBefore, bottom: vertical.padAfter,
            right: horizontal.padAfter)
    }
}

extension ik_window {
    init(
        kernel: Extent, stride: Extent, dilation: Extent = Extent(height: 1, width: 1),
        padTop: Int, padLeft: Int
    ) {
        self.init(
            kernel_height: Int32(kernel.height), kernel_width: Int32(kernel.width),
            stride_height: Int32(stride.height), stride_width: Int32(stride.width),
            dilation_height: Int32(dilation.height), dilation_width: Int32(dilation.width),
            pad_top: Int32(padTop), pad_left: Int32(padLeft))
    }
}
