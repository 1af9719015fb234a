"""Operators of ai.onnx.ml, made by hand: each attribute and each mode that converters use, and values that lie on the thresholds."""

import numpy
from onnx import TensorProto, helper

import goldens

from .case import case

F = "float32"
ML = "ai.onnx.ml"


class Forest:
    """Random trees in the flat form that the operators' attributes have."""

    def __init__(self, name, trees=4, depth=3, features=5, modes=("BRANCH_LEQ",), missing=False, ragged=True):
        self.rng = goldens.random(name)
        self.features = features
        self.thresholds = []
        self.nodes = []  # (tree, node, feature, threshold, mode, true, false, missing)
        self.leaves = []  # (tree, node)
        for tree in range(trees):
            self.next = 0
            self.grow(tree, depth, modes, missing, ragged)

    def grow(self, tree, depth, modes, missing, ragged):
        node = self.next
        self.next += 1
        if depth == 0 or (ragged and node > 0 and self.rng.uniform() < 0.2):
            self.nodes.append([tree, node, 0, 0.0, "LEAF", 0, 0, 0])
            self.leaves.append((tree, node))
            return node
        mode = modes[self.rng.randint(len(modes))]
        threshold = float(self.rng.randint(-2, 3)) if mode in ("BRANCH_EQ", "BRANCH_NEQ") else float(numpy.float32(self.rng.uniform(-2, 2)))
        place = len(self.nodes)
        entry = [tree, node, int(self.rng.randint(self.features)), threshold, mode, 0, 0, int(missing and self.rng.uniform() < 0.5)]
        self.nodes.append(entry)
        self.thresholds.append((entry[2], threshold))
        entry[5] = self.grow(tree, depth - 1, modes, missing, ragged)
        entry[6] = self.grow(tree, depth - 1, modes, missing, ragged)
        assert self.nodes[place] is entry
        return node

    def attributes(self, tensors=False):
        columns = list(zip(*self.nodes))
        named = dict(zip(("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes", "nodes_truenodeids", "nodes_falsenodeids",
                          "nodes_missing_value_tracks_true"), map(list, columns)))
        if tensors:
            named["nodes_values_as_tensor"] = helper.make_tensor("nodes_values", TensorProto.DOUBLE, [len(self.nodes)], named.pop("nodes_values"))
        return named

    def votes(self, what, targets, each=False, values=None):
        """Weights of the leaves: for one target in turn, or `each` for every target at every leaf."""
        rows = []
        for index, (tree, node) in enumerate(self.leaves):
            for target in range(targets) if each else [index % targets]:
                value = values(self.rng) if values else float(numpy.float32(self.rng.uniform(-1, 1)))
                rows.append((tree, node, target, value))
        trees, nodes, ids, weights = map(list, zip(*rows))
        return {f"{what}_treeids": trees, f"{what}_nodeids": nodes, f"{what}_ids": ids, f"{what}_weights": weights}

    def vectors(self, count=10, missing=False, of=F):
        """Single rows: at random, and with features that equal thresholds, and their neighbours."""
        vectors = []
        for index in range(count):
            row = self.rng.uniform(-3, 3, self.features).astype(of)
            if index % 2:
                for _ in range(3):
                    feature, threshold = self.thresholds[self.rng.randint(len(self.thresholds))]
                    row[feature] = threshold
                if index % 4 == 3:
                    feature, threshold = self.thresholds[self.rng.randint(len(self.thresholds))]
                    row[feature] = numpy.nextafter(numpy.dtype(of).type(threshold), numpy.dtype(of).type(9))
            if missing and index % 3 == 0:
                row[self.rng.randint(self.features)] = numpy.nan
            vectors.append([row.reshape(1, -1)])
        return vectors


ALL_MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")


def regressor(name, *, ml=1, targets=1, each=False, aggregate="SUM", post="NONE", base=None, tensors=False, rows=None, missing=False, of=F, **more):
    forest = Forest(f"regressor/{name}", missing=missing, **more)
    attributes = {**forest.attributes(tensors), **forest.votes("target", targets, each), "n_targets": targets, "aggregate_function": aggregate, "post_transform": post}
    if base is not None:
        attributes["base_values"] = base
    if tensors:
        weights = attributes.pop("target_weights")
        attributes["target_weights_as_tensor"] = helper.make_tensor("target_weights", TensorProto.DOUBLE, [len(weights)], weights)
    vectors = forest.vectors(missing=missing, of=of)
    if rows:
        vectors = [[numpy.concatenate([v[0] for v in vectors[start:start + rows]])] for start in range(0, len(vectors) - rows + 1, rows)]
    return case(f"ml/tree_regressor_{name}", [("TreeEnsembleRegressor", ["x"], ["y"], attributes, ML)], {"x": (of, [rows or "N", forest.features])}, {"y": F},
                ml=ml, kind="trees", tolerance="floatSum", vectors=vectors)


def classifier(name, *, ml=1, classes=3, each=True, post="NONE", base=None, strings=False, one_weight=False, missing=False, signed=False, **more):
    forest = Forest(f"classifier/{name}", missing=missing, **more)
    # Of two classes ONNX Runtime takes the second if its score is above 0, whatever the first one's score is; above 0.5 if all
    # votes are for one class and none is negative.
    values = (lambda rng: float(numpy.float32(rng.uniform(0, 1 / more.get("trees", 4))))) if post == "NONE" and not signed else None
    attributes = {**forest.attributes(), **forest.votes("class", 1 if one_weight else classes, each, values), "post_transform": post}
    if strings:
        attributes["classlabels_strings"] = ["bearing", "imbalance", "normal", "cavitation"][:classes]
    else:
        attributes["classlabels_int64s"] = [10, 20, 31, 7][:classes] if classes > 2 else [0, 1]
    if base is not None:
        attributes["base_values"] = base
    return case(f"ml/tree_classifier_{name}", [("TreeEnsembleClassifier", ["x"], ["label", "scores"], attributes, ML)], {"x": (F, ["N", forest.features])},
                {"label": "string" if strings else "int64", "scores": F}, ml=ml, kind="trees", tolerance="floatSum" if post == "NONE" else "floatFunction", vectors=forest.vectors(missing=missing))


def ensemble(name, *, targets=1, aggregate=1, post=0, modes=(0,), of=F, members=False):
    """The TreeEnsemble of ai.onnx.ml 5: inner nodes and leaves in lists of their own."""
    rng = goldens.random(f"ensemble/{name}")
    features = 5
    inner, leaves, roots, member_values, thresholds = [], [], [], [], []

    def grow(depth):
        """Returns (index, whether it is a leaf)."""
        if depth == 0 or (depth < 3 and rng.uniform() < 0.2):
            leaves.append((int(rng.randint(targets)), float(numpy.float32(rng.uniform(-1, 1)))))
            return len(leaves) - 1, 1
        place = len(inner)
        mode = int(modes[rng.randint(len(modes))])
        feature, threshold = int(rng.randint(features)), float(numpy.float32(rng.uniform(-2, 2)))
        if mode in (4, 5):
            threshold = float(rng.randint(-2, 3))
        if mode == 6:
            threshold = 0.0
            member_values.append([float(v) for v in rng.choice(numpy.arange(-2, 3), 2, replace=False)])
        thresholds.append((feature, threshold))
        inner.append([feature, threshold, mode, 0, 0, 0, 0])
        inner[place][3], inner[place][4] = grow(depth - 1)
        inner[place][5], inner[place][6] = grow(depth - 1)
        return place, 0

    for _ in range(4):
        roots.append(grow(3)[0])
    kind = TensorProto.FLOAT if of == F else TensorProto.DOUBLE
    columns = list(zip(*inner))
    attributes = {
        "n_targets": targets, "aggregate_function": aggregate, "post_transform": post, "tree_roots": roots,
        "nodes_featureids": list(columns[0]), "nodes_splits": helper.make_tensor("splits", kind, [len(inner)], columns[1]),
        "nodes_modes": helper.make_tensor("modes", TensorProto.UINT8, [len(inner)], columns[2]),
        "nodes_truenodeids": list(columns[3]), "nodes_trueleafs": list(columns[4]),
        "nodes_falsenodeids": list(columns[5]), "nodes_falseleafs": list(columns[6]),
        "leaf_targetids": [target for target, _ in leaves], "leaf_weights": helper.make_tensor("weights", kind, [len(leaves)], [w for _, w in leaves]),
    }
    if members:
        flat = [value for values in member_values for value in [*values, float("nan")]]
        attributes["membership_values"] = helper.make_tensor("members", kind, [len(flat)], flat)
    vectors = []
    for index in range(10):
        row = rng.uniform(-3, 3, features).astype(of)
        if members or 4 in modes:
            row = numpy.rint(row)
        if index % 2:
            feature, threshold = thresholds[rng.randint(len(thresholds))]
            row[feature] = threshold
        vectors.append([row.astype(of).reshape(1, -1)])
    return case(f"ml/tree_ensemble_{name}", [("TreeEnsemble", ["x"], ["y"], attributes, ML)], {"x": (of, ["N", features])}, {"y": of}, ml=5, opset=21, kind="trees",
                tolerance="floatSum" if post == 0 else "floatFunction", vectors=vectors)


def linear(name, operator, outputs, attributes, features=4, tolerance="floatSum", **more):
    return case(f"ml/{name}", [(operator, ["x"], list(outputs), attributes, ML)], {"x": (F, ["N", features])}, outputs, ml=more.pop("ml", 1), kind="classical",
                tolerance=tolerance, count=6, low=-2.0, high=2.0, **more)


def cases():
    yield regressor("v1")
    yield regressor("v3", ml=3)
    yield regressor("opset_4", ml=4)
    yield regressor("all_modes", modes=ALL_MODES, trees=8)
    yield regressor("average", aggregate="AVERAGE")
    yield regressor("minimum", aggregate="MIN")
    yield regressor("maximum", aggregate="MAX")
    yield regressor("two_targets", targets=2, base=[0.5, -0.25])
    yield regressor("two_targets_each_leaf", targets=2, each=True, aggregate="AVERAGE")
    yield regressor("base_value", base=[1.5])
    yield regressor("missing_values", missing=True)
    yield regressor("missing_values_all_modes", missing=True, modes=("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"))
    yield regressor("stumps", depth=1, trees=5)
    yield regressor("deep_7", depth=7, trees=1, ragged=True)
    yield regressor("30_trees", depth=3, trees=30, features=9)
    yield regressor("5_rows", rows=5)
    yield regressor("double_input_v3", ml=3, tensors=True, of="float64")
    yield regressor("logistic", post="LOGISTIC")
    yield regressor("softmax_3_targets", post="SOFTMAX", targets=3, each=True)
    yield classifier("3_classes_v1")
    yield classifier("3_classes_v3", ml=3)
    yield classifier("3_classes_softmax", post="SOFTMAX")
    yield classifier("3_classes_softmax_zero", post="SOFTMAX_ZERO")
    yield classifier("3_classes_logistic", post="LOGISTIC")
    yield classifier("3_classes_one_vote_a_leaf", each=False)
    yield classifier("3_classes_base_values", base=[0.1, -0.4, 0.2])
    yield classifier("4_classes_strings", classes=4, strings=True)
    yield classifier("2_classes", classes=2, trees=3, signed=True)
    yield classifier("2_classes_no_negative_weight", classes=2, trees=3)
    yield classifier("2_classes_one_weight", classes=2, one_weight=True, trees=2)
    yield classifier("2_classes_one_weight_signed", classes=2, one_weight=True, trees=3, signed=True)
    yield classifier("2_classes_one_weight_logistic", classes=2, one_weight=True, post="LOGISTIC")
    yield classifier("2_classes_one_weight_logistic_base", classes=2, one_weight=True, post="LOGISTIC", base=[0.3], trees=2)
    yield classifier("2_classes_strings", classes=2, strings=True, trees=3, signed=True)
    yield classifier("all_modes", modes=ALL_MODES)
    yield classifier("missing_values", missing=True, post="SOFTMAX")
    yield ensemble("sum")
    yield ensemble("average", aggregate=0)
    yield ensemble("minimum", aggregate=2)
    yield ensemble("maximum", aggregate=3)
    yield ensemble("3_targets_softmax", targets=3, post=1)
    yield ensemble("all_modes", modes=(0, 1, 2, 3, 4, 5))
    yield ensemble("members", modes=(0, 6), members=True)
    yield ensemble("double", of="float64")
    yield linear("scaler", "Scaler", {"y": F}, {"offset": [0.5, -1.0, 0.25, 2.0], "scale": [2.0, 0.1, 1.5, -0.75]}, tolerance="floatElement")
    yield linear("scaler_one_for_all", "Scaler", {"y": F}, {"offset": [0.5], "scale": [1.75]}, tolerance="floatElement")
    yield case("ml/scaler_of_int64", [("Scaler", ["x"], ["y"], {"offset": [1.0, 2.0], "scale": [0.5, 0.25]}, ML)], {"x": ("int64", ["N", 2])}, {"y": F}, ml=1, kind="classical", tolerance="floatElement")
    for norm in ("L1", "L2", "MAX"):
        yield linear(f"normalizer_{norm.lower()}", "Normalizer", {"y": F}, {"norm": norm})
    weights = [float(numpy.float32(w)) for w in goldens.random("linear").uniform(-1, 1, 12)]
    yield linear("linear_regressor", "LinearRegressor", {"y": F}, {"coefficients": weights[:4], "intercepts": [0.3], "targets": 1})
    yield linear("linear_regressor_3_targets", "LinearRegressor", {"y": F}, {"coefficients": weights, "intercepts": [0.3, -0.2, 0.1], "targets": 3})
    yield linear("linear_regressor_logistic", "LinearRegressor", {"y": F}, {"coefficients": weights[:4], "intercepts": [0.3], "post_transform": "LOGISTIC"}, tolerance="floatFunction")
    for post in ("NONE", "SOFTMAX", "LOGISTIC"):
        yield linear(f"linear_classifier_3_classes_{post.lower()}", "LinearClassifier", {"label": "int64", "scores": F},
                     {"coefficients": weights, "intercepts": [0.3, -0.2, 0.1], "classlabels_ints": [0, 1, 2], "multi_class": int(post == "SOFTMAX"), "post_transform": post},
                     tolerance="floatSum" if post == "NONE" else "floatFunction")
    both = [-w for w in weights[:4]] + weights[:4]
    yield linear("linear_classifier_2_classes_logistic", "LinearClassifier", {"label": "int64", "scores": F},
                 {"coefficients": both, "intercepts": [-0.3, 0.3], "classlabels_ints": [0, 1], "multi_class": 1, "post_transform": "LOGISTIC"}, tolerance="floatFunction")
    yield linear("linear_classifier_strings", "LinearClassifier", {"label": "string", "scores": F},
                 {"coefficients": weights, "intercepts": [0.3, -0.2, 0.1], "classlabels_strings": ["low", "normal", "high"], "post_transform": "SOFTMAX"}, tolerance="floatFunction")
    yield case(
        "ml/chain_scaler_normalizer_linear", [("Scaler", ["x"], ["s"], {"offset": [0.5, -1.0, 0.25, 2.0], "scale": [2.0, 0.1, 1.5, -0.75]}, ML), ("Normalizer", ["s"], ["n"], {"norm": "L2"}, ML),
                                             ("LinearRegressor", ["n"], ["y"], {"coefficients": weights[:4], "intercepts": [0.3]}, ML)],
        {"x": (F, ["N", 4])}, {"y": F}, ml=3, kind="classical", count=6)
    yield case("ml/array_feature_extractor", [("ArrayFeatureExtractor", ["x", "i"], ["y"], {}, ML)], {"x": (F, ["N", 5])}, {"y": F}, {"i": numpy.array([3, 0], numpy.int64)}, ml=1, kind="classical", tolerance="exact")
    yield case("ml/imputer", [("Imputer", ["x"], ["y"], {"imputed_value_floats": [1.5, 2.5, -1.0], "replaced_value_float": float("nan")}, ML)], {"x": (F, ["N", 3])}, {"y": F}, ml=1, kind="classical",
               tolerance="exact", vectors=[[numpy.array([[1, numpy.nan, 3]], F)], [numpy.array([[numpy.nan, 0, numpy.nan]], F)]], optional=True)
    yield case("ml/label_encoder", [("LabelEncoder", ["x"], ["y"], {"keys_int64s": [0, 1, 2], "values_int64s": [7, 5, 3]}, ML)], {"x": ("int64", [3])}, {"y": "int64"}, ml=2, kind="classical",
               tolerance="exact", vectors=[[numpy.array([2, 0, 1])]], optional=True)
    yield case("ml/feature_vectorizer", [("FeatureVectorizer", ["a", "b"], ["y"], {"inputdimensions": [2, 3]}, ML)], {"a": (F, [1, 2]), "b": (F, [1, 3])}, {"y": F}, ml=1, kind="classical", tolerance="exact")
    yield case("ml/label_encoder_floats", [("LabelEncoder", ["x"], ["y"], {"keys_floats": [0.5, -1.0, 2.0], "values_floats": [7.5, 5.0, 3.0], "default_float": -9.0}, ML)], {"x": (F, [4])}, {"y": F}, ml=2,
               kind="classical", tolerance="exact", vectors=[[numpy.array([2, 0.5, -1, 0.25], F)]])
    yield case("ml/label_encoder_names", [("LabelEncoder", ["x"], ["y"], {"keys_int64s": [3, 1], "values_strings": ["high", "low"], "default_string": "unknown"}, ML)], {"x": ("int64", [3])}, {"y": "string"},
               ml=2, kind="classical", tolerance="exact", vectors=[[numpy.array([1, 2, 3])]])
    yield case("ml/binarizer", [("Binarizer", ["x"], ["y"], {"threshold": 0.5}, ML)], {"x": (F, ["N", 3])}, {"y": F}, ml=1, kind="classical", tolerance="exact", optional=True)
