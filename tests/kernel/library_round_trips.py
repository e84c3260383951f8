"""Run in the libraries' environment: saves models, loads them again, and says what differs.

Prints, as JSON, for each case what failed ("" where nothing did), and the hash of its files.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import textwrap
import traceback
from pathlib import Path
from typing import Any

from nb2service.capture.closure.artifacts import save
from nb2service.capture.closure.audit import forbidden, unknown
from nb2service.capture.closure.pieces import Piece
from nb2service.capture.closure.result import artifacts_of
from nb2service.errors import CaptureError
from nb2service.project import render
from nb2service.runtime import formulas, store

DATA = """
import numpy as np, pandas as pd
X = np.random.default_rng(0).random((60, 3))
y = (X[:, 0] > 0.5).astype(int)
"""
# What makes `value`, and an expression that must say the same of the value that comes back.
SAME: dict[str, tuple[str, str]] = {
    "one booster in two places": (
        """
        import lightgbm, xgboost
        one = xgboost.XGBRegressor(n_estimators=3).fit(X, y)
        two = lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(X, y), 3)
        value = [one, one.get_booster(), two, two]
        """,
        "value[0].get_booster() is value[1], value[2] is value[3], value[2].params, "
        "value[0].predict(X).tolist(), value[2].predict(X).tolist()",
    ),
    "catboost, fitted and not": (
        """
        from catboost import CatBoostClassifier
        value = [CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False)
                 .fit(X, y), CatBoostClassifier(depth=3)]
        """,
        "value[0].predict_proba(X).tolist(), value[0].classes_.tolist(), value[1].get_params()",
    ),
    "tied weights and views of tensors": (
        """
        import torch
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
                self.second.weight = self.first.weight
                self.register_buffer("shift", torch.arange(3.0))
            def forward(self, rows):
                return self.second(self.first(rows + self.shift))
        torch.manual_seed(0)
        net, whole = Net().eval(), torch.arange(6.0)
        value = {"net": net, "again": net, "whole": whole, "part": whole[2:]}
        """,
        "value['net'](torch.ones(2, 3)).tolist(), value['again'] is value['net'], "
        "value['net'].second.weight is value['net'].first.weight, value['net'].training, "
        "value['part'].data_ptr() - value['whole'].data_ptr(), "
        "[type(each).__name__ for each in value['net'].parameters()]",
    ),
    "programs of PyTorch": (
        """
        import torch, warnings
        layer = torch.nn.Linear(3, 2)
        torch.manual_seed(0)
        torch.nn.init.normal_(layer.weight), torch.nn.init.zeros_(layer.bias)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scripted = torch.jit.trace(layer, torch.ones(1, 3))
        value = [scripted, torch.export.export(layer, (torch.ones(2, 3),))]
        """,
        "[made(torch.ones(2, 3)).tolist() for made in (value[0], value[1].module())]",
    ),
    "own classes and functions in Keras": (
        """
        import keras
        @keras.saving.register_keras_serializable(package="mine")
        class Twice(keras.layers.Layer):
            def call(self, rows):
                return rows * 2
        class Block(keras.Model):
            def __init__(self, units=2, **kwargs):
                super().__init__(**kwargs)
                self.units, self.dense = units, keras.layers.Dense(units)
            def call(self, rows):
                return self.dense(rows)
            def get_config(self):
                return {**super().get_config(), "units": self.units}
        class Small(keras.regularizers.Regularizer):
            def __call__(self, weights):
                return 0.01 * keras.ops.sum(weights**2)
            def get_config(self):
                return {}
        def bent(rows):
            return rows * 3
        def far(one, other):
            return keras.ops.mean((one - other) ** 2)
        keras.utils.set_random_seed(0)
        rows = keras.Input((3,))
        inner = Twice()(rows)
        inner = keras.layers.Dense(3, activation=bent, kernel_regularizer=Small())(inner)
        inner = keras.layers.Lambda(lambda each: each - 1)(inner)
        value = keras.Model(rows, Block(4)(inner))
        value.compile("sgd", loss=far, metrics=[far])
        """,
        "value.predict(X, verbose=0).tolist(), value.evaluate(X, X[:, [0, 1, 2, 0]], verbose=0)",
    ),
    "Keras classes without **kwargs": (
        """
        import keras
        class Shift(keras.layers.Layer):
            def __init__(self, by):
                super().__init__()
                self.by = by
            def call(self, rows):
                return rows + self.by
        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.shift, self.dense = Shift(2.0), keras.layers.Dense(2)
            def call(self, rows):
                return self.dense(self.shift(rows))
        keras.utils.set_random_seed(0)
        value = [Net(), keras.Sequential([keras.Input((3,)), Shift(0.5), keras.layers.Dense(1)])]
        value[0](X)
        """,
        "[each.predict(X, verbose=0).tolist() for each in value], 'from_config' in vars(Net)",
    ),
    "ONNX from bytes and from a file": (
        """
        import onnxruntime
        from skl2onnx import to_onnx
        from sklearn.linear_model import LinearRegression
        model = to_onnx(LinearRegression().fit(X, y), X[:1].astype("float32"))
        Path("model.onnx").write_bytes(model.SerializeToString())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        Session = onnxruntime.InferenceSession
        value = [Session(model.SerializeToString(), options), Session("model.onnx"), model]
        """,
        "[each.run(None, {'X': X.astype('float32')})[0].tolist() for each in value[:2]], "
        "value[0].get_session_options().intra_op_num_threads, len(value[2].graph.node)",
    ),
    "own components of spaCy": (
        """
        import spacy
        from spacy.language import Language
        @Language.component("upper")
        def upper(doc):
            doc.user_data["upper"] = doc.text.upper()
            return doc
        class Counter:
            def __init__(self, by): self.by = by
            def __call__(self, doc):
                doc.user_data["count"] = len(doc) * self.by
                return doc
        @Language.factory("counter", default_config={"by": 2})
        def counter(nlp, name, by): return Counter(by)
        value = spacy.blank("en")
        value.add_pipe("upper"), value.add_pipe("counter", config={"by": 5})
        """,
        "value('a b c').user_data, value.pipe_names",
    ),
    "names in a formula": (
        """
        import statsmodels.formula.api as smf
        def double(values): return 2 * values
        shift = 3
        frame = pd.DataFrame(X, columns=["a", "b", "c"])
        value = smf.ols("a ~ double(b) + I(np.log(c) + shift)", frame).fit()
        """,
        "value.predict(pd.DataFrame({'b': [1.0], 'c': [2.0]})).tolist(), value.params.to_dict()",
    ),
    "frames in Parquet": (
        """
        value = [
            pd.DataFrame({
                "i": pd.array([1, None], dtype="Int64"),
                "c": pd.Categorical(["x", "y"], categories=["y", "x"], ordered=True),
                "t": pd.to_datetime(["2020-01-01", None]).tz_localize("Europe/Berlin"),
                "s": ["001", None],
            }, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None])),
            pd.DataFrame(X, columns=["a", "b", "c"]),
        ]
        value[0].attrs["unit"] = "m"
        """,
        "[(each.to_dict(), each.index, str(each.dtypes), each.attrs) for each in value]",
    ),
}
REFUSED = {
    "a lambda in Keras that uses the notebook": (
        """
        import keras
        factor = 3
        value = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda r: r * factor)])
        """,
        "a lambda in the Keras model uses factor",
    ),
    "a layer without get_config": (
        """
        import keras
        class Odd(keras.layers.Layer):
            def __init__(self, function):
                super().__init__()
                self.function = function
            def call(self, rows):
                return self.function(rows)
        value = keras.Sequential([keras.Input((3,)), Odd(lambda rows: rows)])
        """,
        "Keras cannot save this model: Object Odd was created by passing non-serializable",
    ),
    "a model whose arguments Keras does not note": (
        """
        import keras
        class Block(keras.Model):
            def __init__(self, units=2):
                super().__init__()
                self.dense = keras.layers.Dense(units)
            def call(self, rows):
                return self.dense(rows)
        rows = keras.Input((3,))
        value = keras.Model(rows, Block(4)(rows))
        """,
        "Keras cannot load this model: A total of 1 objects could not be loaded",
    ),
    "an ONNX session whose file is gone": (
        """
        import onnxruntime
        value = [onnxruntime.InferenceSession("model.onnx")]
        Path("model.onnx").unlink()
        """,
        "value[0]: its model, model.onnx, cannot be read any more: No such file",
    ),
    "what skops does not know": (
        """
        from sklearn.preprocessing import FunctionTransformer
        def mine(rows): return rows
        value = {"a": FunctionTransformer(mine).fit(X)}
        """,
        "value['a']: skops does not know all types of this FunctionTransformer: __main__.mine",
    ),
}


def main() -> None:
    space = vars(sys.modules["__main__"])
    # Where a service would look for the notebook's classes.
    sys.modules["pkg"] = sys.modules["pkg.notebook"] = sys.modules["__main__"]
    sys.modules["pkg.formulas"] = formulas
    exec(DATA, space)
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        store.FOLDER = Path(folder)
        for name, (source, expression) in SAME.items():
            told[name] = guarded(same, source, expression, space)
        for name, (source, message) in REFUSED.items():
            told[name] = guarded(refused, source, message, space)
    print(json.dumps(told))


def guarded(check: Any, source: str, expected: str, space: dict[str, Any]) -> list[str]:
    try:
        exec(textwrap.dedent(source), space)
        return check(expected, space)
    except Exception:
        return [traceback.format_exc(), ""]


def same(expression: str, space: dict[str, Any]) -> list[str]:
    expected = repr(eval(expression, space))
    saved = save("value", space["value"], "pkg", lambda thing: str(thing.__qualname__))
    files = [saved.data, *(part.data for part in saved.parts)]
    piece = Piece("value", "artifact", "artifact", "", saved=saved)
    made = artifacts_of([piece], "load")["value"]
    for file in (made, *made.parts):
        Path(store.FOLDER, file.file).write_bytes(file.data)
    Path(store.FOLDER, "manifest.json").write_text(render._manifest((made,)))
    store.manifest.cache_clear()
    space["value"] = store.load("value")
    if wrong := forbidden(made.audit) or unknown(made.audit):
        return [f"the guard would refuse {wrong}", ""]
    found = repr(eval(expression, space))
    digest = hashlib.sha256(b"".join(files)).hexdigest()
    return ["" if found == expected else f"{expected}\n{found}", digest]


def refused(message: str, space: dict[str, Any]) -> list[str]:
    skops = "skops" in message
    try:
        save("value", space["value"], "pkg", lambda thing: str(thing.__qualname__), skops)
    except CaptureError as error:
        return ["" if message in error.message and error.hint else str(error), ""]
    return ["it was not refused", ""]


if __name__ == "__main__":
    main()
