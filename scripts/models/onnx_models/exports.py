"""Real exports: small scikit-learn, LightGBM and XGBoost models through the usual converters, trained here on made-up data."""

import contextlib
import unittest.mock
import warnings

import numpy
import onnx.helper

import goldens

from .case import Case

FEATURES = 5
LABELS = numpy.array(["bearing", "imbalance", "normal"])


def samples(count=240, features=FEATURES, seed="samples"):
    """Features, a class of three, and a value that depend on each other as a machine's vibration would, roughly."""
    rng = goldens.random(seed)
    x = rng.standard_normal((count, features)).astype(numpy.float32)
    x[:, 1] = x[:, 1] * 3 + 10
    signal = x[:, 0] * 1.5 + numpy.sin(x[:, 1]) + x[:, 2] * x[:, 3]
    classes = numpy.digitize(signal, numpy.quantile(signal, [0.35, 0.75]))
    return x, classes, (signal + 0.1 * rng.standard_normal(count)).astype(numpy.float32)


X, CLASSES, VALUES = samples()


def rows(count=8):
    """Single rows of data that no model saw."""
    return [[row.reshape(1, -1)] for row in samples(count, seed="unseen")[0]]


def case(name, model, kind, tolerance="floatSum", note="", vectors=None):
    imports = sorted(model.opset_import, key=lambda one: one.domain)  # the converters write them in an order of chance
    del model.opset_import[:]
    model.opset_import.extend(imports)
    return Case(name, model, kind, tolerance, vectors or rows(), note)


def scikit(name, model, target, *, kind="classical", tolerance="floatSum", opsets=None, options=None, zip_map=False, note=""):
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    model.fit(X, target) if target is not None else model.fit(X)
    options = dict(options or {})
    if not zip_map and hasattr(model, "predict_proba") and hasattr(model, "classes_"):
        options["zipmap"] = False
    converted = to_onnx(model, initial_types=[("x", FloatTensorType([None, FEATURES]))], name="model", target_opset=opsets or {"": 17, "ai.onnx.ml": 3},
                        options={id(model): options} if options else None)
    return case(f"scikit/{name}", converted, kind, tolerance, note)


@contextlib.contextmanager
def booleans_as_integers():
    """skl2onnx 1.20 hands HistGradientBoosting's booleans to onnx, which from 1.23 on takes only integers."""
    original = onnx.helper.make_attribute

    def make_attribute(key, value, *rest, **more):
        if isinstance(value, list) and any(isinstance(item, (bool, numpy.bool_)) for item in value):
            value = [int(item) for item in value]
        return original(key, value, *rest, **more)

    with unittest.mock.patch.object(onnx.helper, "make_attribute", make_attribute):
        yield


def scikit_cases():
    from sklearn.decomposition import PCA
    from sklearn.ensemble import (ExtraTreesClassifier, GradientBoostingClassifier, GradientBoostingRegressor, HistGradientBoostingRegressor,
                                  IsolationForest, RandomForestClassifier, RandomForestRegressor)
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    named = LABELS[CLASSES]
    two = (CLASSES == 1).astype(int)
    small = dict(n_estimators=6, max_depth=4, random_state=1)
    old = {"": 11, "ai.onnx.ml": 1}
    yield scikit("random_forest_classifier", RandomForestClassifier(**small), CLASSES, kind="trees")
    yield scikit("random_forest_classifier_opset_11", RandomForestClassifier(**small), CLASSES, kind="trees", opsets=old)
    yield scikit("random_forest_classifier_zip_map", RandomForestClassifier(**small), CLASSES, kind="trees", zip_map=True,
                 note="ends in ZipMap, the converter's default: the answer is kept as a matrix, classes in their order")
    yield scikit("random_forest_classifier_names_zip_map", RandomForestClassifier(**small), named, kind="trees", zip_map=True)
    yield scikit("random_forest_classifier_2_classes", RandomForestClassifier(**small), two, kind="trees")
    yield scikit("random_forest_regressor", RandomForestRegressor(**small), VALUES, kind="trees")
    yield scikit("extra_trees_classifier", ExtraTreesClassifier(**small), CLASSES, kind="trees")
    yield scikit("decision_tree_classifier", DecisionTreeClassifier(max_depth=4, random_state=1), CLASSES, kind="trees")
    yield scikit("decision_tree_regressor", DecisionTreeRegressor(max_depth=4, random_state=1), VALUES, kind="trees")
    boost = dict(n_estimators=8, max_depth=3, random_state=1)
    yield scikit("gradient_boosting_classifier", GradientBoostingClassifier(**boost), CLASSES, kind="trees", tolerance="floatFunction")
    yield scikit("gradient_boosting_classifier_2_classes", GradientBoostingClassifier(**boost), two, kind="trees", tolerance="floatFunction")
    yield scikit("gradient_boosting_regressor", GradientBoostingRegressor(**boost), VALUES, kind="trees")
    yield scikit("hist_gradient_boosting_regressor", HistGradientBoostingRegressor(max_iter=8, max_depth=3, min_samples_leaf=10, random_state=1), VALUES, kind="trees")
    yield scikit("isolation_forest", IsolationForest(n_estimators=6, max_samples=32, random_state=1), None, kind="trees", tolerance="floatFunction")
    yield scikit("logistic_regression", LogisticRegression(max_iter=300), CLASSES, tolerance="floatFunction")
    yield scikit("logistic_regression_2_classes", LogisticRegression(max_iter=300), two, tolerance="floatFunction")
    yield scikit("linear_regression", LinearRegression(), VALUES)
    yield scikit("scaler_logistic_regression", make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)), CLASSES, tolerance="floatFunction")
    yield scikit("scaler_logistic_regression_zip_map", make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)), named, tolerance="floatFunction", zip_map=True)
    yield scikit("min_max_scaler_random_forest", make_pipeline(MinMaxScaler(), RandomForestClassifier(**small)), CLASSES, kind="trees")
    yield scikit("normalizer_linear_regression", make_pipeline(Normalizer(), LinearRegression()), VALUES)
    yield scikit("scaler_pca_logistic_regression", make_pipeline(StandardScaler(), PCA(3, random_state=1), LogisticRegression(max_iter=300)), CLASSES, tolerance="floatFunction")
    from sklearn.cluster import KMeans
    from sklearn.compose import ColumnTransformer
    from sklearn.mixture import GaussianMixture
    from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, RobustScaler
    from sklearn.svm import SVR, OneClassSVM

    yield scikit("scaler_one_class_svm", make_pipeline(StandardScaler(), OneClassSVM(nu=0.1)), None, tolerance="floatFunction")
    yield scikit("svr_rbf", make_pipeline(RobustScaler(), SVR(C=0.1, epsilon=1.0)), VALUES, tolerance="floatFunction")
    yield scikit("svr_poly", make_pipeline(RobustScaler(), SVR(kernel="poly", degree=3, coef0=0.5, C=0.1, epsilon=1.0)), VALUES, tolerance="floatFunction")
    yield scikit("svr_sigmoid", make_pipeline(RobustScaler(), SVR(kernel="sigmoid", C=0.1, epsilon=1.0)), VALUES, tolerance="floatFunction")
    yield scikit("svr_linear", make_pipeline(RobustScaler(), SVR(kernel="linear", C=0.1, epsilon=1.0)), VALUES)
    yield scikit("k_means", KMeans(3, n_init=1, random_state=1), None, tolerance="floatFunction")
    yield scikit("gaussian_mixture", GaussianMixture(2, random_state=1), None, tolerance="floatFunction")
    codes = make_pipeline(ColumnTransformer([("bins", make_pipeline(KBinsDiscretizer(3, encode="ordinal"), OneHotEncoder(handle_unknown="ignore")), [4]), ("rest", StandardScaler(), [0, 1, 2, 3])]),
                          LogisticRegression(max_iter=300))
    yield scikit("one_hot_logistic_regression", codes, CLASSES, tolerance="floatFunction")
    network = dict(hidden_layer_sizes=(8, 6), max_iter=60, random_state=1, solver="lbfgs")
    yield scikit("scaler_mlp_classifier", make_pipeline(StandardScaler(), MLPClassifier(**network)), CLASSES)
    yield scikit("scaler_mlp_regressor", make_pipeline(StandardScaler(), MLPRegressor(**network)), VALUES)
    yield scikit("mlp_regressor_tanh", make_pipeline(StandardScaler(), MLPRegressor(**{**network, "activation": "tanh"})), VALUES)


def boosted_cases():
    import lightgbm
    import xgboost
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("x", FloatTensorType([None, FEATURES]))]
    two = (CLASSES == 1).astype(int)
    missing = rows()
    for index, vector in enumerate(missing):
        if index % 2:
            vector[0][0, index % FEATURES] = numpy.nan

    light = dict(n_estimators=6, max_depth=4, num_leaves=8, min_child_samples=10, random_state=1, n_jobs=1, deterministic=True, force_row_wise=True, verbose=-1)
    for name, model, target in (("classifier", lightgbm.LGBMClassifier(**light), CLASSES), ("classifier_2_classes", lightgbm.LGBMClassifier(**light), two),
                                ("regressor", lightgbm.LGBMRegressor(**light), VALUES)):
        model.fit(X, target)
        yield case(f"lightgbm/{name}", convert_lightgbm(model, "model", types, target_opset=15, zipmap=False), "trees", "floatFunction")
    model = lightgbm.LGBMClassifier(**light).fit(X, LABELS[CLASSES])
    yield case("lightgbm/classifier_names_zip_map", convert_lightgbm(model, "model", types, target_opset=15), "trees", "floatFunction")
    model = lightgbm.LGBMRegressor(**light).fit(numpy.where(goldens.random("holes").uniform(size=X.shape) < 0.15, numpy.nan, X), VALUES)
    yield case("lightgbm/regressor_missing_values", convert_lightgbm(model, "model", types, target_opset=15), "trees", vectors=missing)
    boost = dict(n_estimators=6, max_depth=3, random_state=1, n_jobs=1, tree_method="exact")
    for name, model, target in (("classifier", xgboost.XGBClassifier(**boost), CLASSES), ("classifier_2_classes", xgboost.XGBClassifier(**boost), two),
                                ("regressor", xgboost.XGBRegressor(**boost), VALUES)):
        model.fit(X, target)
        yield case(f"xgboost/{name}", convert_xgboost(model, "model", types, target_opset=15), "trees", "floatFunction", vectors=missing)


def bench_forest():
    """The forest of the benchmarks: 300 trees, depth 8, 20 features, 3 classes. Megabytes: made when it is needed."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.ensemble import RandomForestClassifier

    x, classes, _ = samples(4000, 20, "bench")
    model = RandomForestClassifier(n_estimators=300, max_depth=8, random_state=1, n_jobs=1).fit(x, classes)
    return to_onnx(model, initial_types=[("x", FloatTensorType([None, 20]))], name="forest", target_opset={"": 17, "ai.onnx.ml": 3}, options={"zipmap": False})


def cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with booleans_as_integers():
            yield from scikit_cases()
        yield from boosted_cases()
