"""What the capture learns of any values brings them over the wire as they were, or refuses them."""

from __future__ import annotations

import datetime as dt
import enum
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_runtime_values_property import assert_same, frames, texts

from nb2service.capture.learning.fields import frame_fields, value_field
from nb2service.capture.learning.inputs import loosened
from nb2service.capture.learning.sending import to_rows
from nb2service.capture.values import same
from nb2service.errors import ContractError
from nb2service.runtime.codec import typed
from nb2service.runtime.contract import Contract, Entry, Input, Output, dump_contract, load_contract
from nb2service.runtime.problems import MissingForm, Violations

bounded = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


class Unit(enum.Enum):
    CM = "cm"
    INCH = 2


class Size(NamedTuple):
    width: Any
    unit: Any


@dataclass(frozen=True)
class Item:
    name: Any
    size: Any = None


CLASSES = {kind.__name__: kind for kind in (Unit, Size, Item)}


def zoned(zone: str) -> st.SearchStrategy[dt.datetime]:
    moments = st.datetimes(dt.datetime(1980, 1, 1), dt.datetime(2035, 1, 1))
    return moments.map(lambda m: m.replace(tzinfo=dt.timezone.utc).astimezone(ZoneInfo(zone)))


ALONE = (
    st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | texts
    | st.just("")
    | st.binary()
    | st.dates()
    | st.datetimes().map(lambda m: m.replace(fold=0))
    | zoned("Europe/Paris")
    | zoned("UTC")
    | st.times().map(lambda t: t.replace(fold=0))
    | st.timedeltas(min_value=dt.timedelta(-(10**6)), max_value=dt.timedelta(10**6))
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.uuids()
    | st.sampled_from([Path("a/b"), Unit.CM, Unit.INCH, None, pd.Timestamp(7), pd.Timedelta(7)])
    | st.sampled_from([np.arange(4), np.eye(2, dtype="float32"), np.array(["a", "bc"])])
    | zoned("Europe/Paris").map(pd.Timestamp)
)
# Among other objects they arrive as plain Python values: whether an entry minds, it is asked.
SCALARS = st.sampled_from(
    [
        *(np.float32(0.1), np.int8(-3), np.uint64(2**64 - 1), np.bool_(True), np.str_("x")),
        *(np.datetime64("2024-01-01T00:00:00.000000001"), np.timedelta64(7, "ms")),
    ]
)
KEYS = st.text("abcdef", min_size=1, max_size=3)
NESTED = st.recursive(
    ALONE,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.builds(Size, inner, inner)
        | st.builds(Item, inner, inner)
    ),
    max_leaves=6,
)


def named(value: Any) -> str:
    """As ``repr``; the one zone that has two classes by one name."""
    return repr(value).replace("zoneinfo.ZoneInfo(key='UTC')", "datetime.timezone.utc")


def over_the_wire(value: Any, input_: Input) -> Any:
    """What the service receives, by a contract that was written to its file and read again."""
    entry = Entry("f", "f", input_, Output("list", ()))
    contract = load_contract(dump_contract(Contract("n", "", "", (entry,))))
    body = json.dumps({"instances": to_rows(value, input_)}, allow_nan=False).encode()
    taken = contract.entries[0].input
    return typed.read(body, "", taken, lambda name, given: CLASSES[name](**given)).live()


@given(frames())
@bounded
def test_a_frame_is_brought_over_by_what_was_learnt_of_it(made):
    frame, _ = made
    try:
        fields = frame_fields(frame, "X")
    except ContractError as error:
        if "[pyarrow]" in error.message:  # pandas' first Arrow dtypes did not say what they hold
            return
        raise
    assert_same(over_the_wire(frame, Input("frame", fields)), frame)


@given(NESTED | SCALARS)
@bounded
def test_an_argument_is_brought_over_or_refused(value):
    try:
        field = value_field("v", [value], "f", lambda kind: kind.__name__)
        [back] = over_the_wire([{"v": value}], Input("arguments", (loosened(field),)))
    except (ContractError, MissingForm, Violations):
        return
    if same(value, back["v"]):
        assert named(back["v"]) == named(value)
