"""The typed input and output of every entry, as ``contract.json`` holds it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Field:
    """One value: a column, an argument, or a part of one.

    Attributes:
        name: column or argument name; "" for the items of a list.
        type: ``integer``, ``number``, ``boolean``, ``string``, ``datetime``, ``date``, ``time``,
            ``duration``, ``decimal``, ``bytes``, ``list``, ``object`` or ``any``.
        dtype: the numpy or pandas dtype that the notebook's value has (``int64``, ``Int64``,
            ``category``, ``datetime64[ns, UTC]``, ``object``, ``str``, …); the mode of an image;
            "" for plain Python.
        nullable: whether null (missing) is accepted.
        required: whether it must be present.
        default: what an absent value becomes (only where not required).
        categories: the categories of a ``category`` dtype, in wire form and in their order, or
            the values of a ``Literal`` (without dtype): a value outside them is refused. Of other
            columns the values that an encoder knows: documentation, the model's own rule for
            unknown values holds.
        ordered: whether the categories are ordered.
        minimum, maximum: observed range; documentation, not a wall.
        example: one observed value in wire form.
        items: of ``list``: what it holds; of ``object`` without ``fields``: what its members
            hold, whatever their names; of a ``category`` dtype: the dtype of the categories
            themselves (none: as pandas infers it).
        fields: of ``object``: its members; none means free-form.
        python: what the entry receives: a class that ``notebook.py`` binds (dataclass, pydantic
            model, enumeration), or ``ndarray``, ``series``, ``frame`` (then ``items.fields`` are
            its columns), ``tuple``, ``set``, ``frozenset``, ``Timestamp``, ``Timedelta``,
            ``uuid``, ``pathlib``; of bytes: ``image`` (Pillow's), ``file`` (an open one),
            ``path`` or ``pathlib`` (of a file that holds them); "" for the plain Python value
            (a numpy scalar where ``dtype`` names a numpy dtype).
        shape: of an ``ndarray``, its shape without the first axis; -1 for an axis of any length.
        label: the column's label in the frame where it is not the text ``name``: a number, or a
            tuple (``MultiIndex``); the name of a series; the ending of a path.
        missing: what null becomes where the dtype leaves a choice (``object`` columns and plain
            Python): ``none``, ``nan``, ``nat`` or ``na``; "" for NaN in columns and arrays,
            None in plain Python.
        zone: of a plain datetime: the time zone in which the entry receives it, ``naive`` where
            it must carry none; "" for whatever is sent.
    """

    name: str
    type: str
    dtype: str = ""
    nullable: bool = False
    required: bool = True
    default: Any = None
    categories: tuple[Any, ...] | None = None
    ordered: bool = False
    minimum: float | None = None
    maximum: float | None = None
    example: Any = None
    items: Field | None = None
    fields: tuple[Field, ...] = ()
    python: str = ""
    shape: tuple[int, ...] = ()
    label: Any = None
    missing: str = ""
    zone: str = ""

    @property
    def holds_files(self) -> bool:
        """Whether several files can be the value."""
        return self.type == "list" and self.items is not None and self.items.type == "bytes"

    @property
    def is_file(self) -> bool:
        """Whether what is uploaded can be the value: bytes, or an array as an ``.npy`` file."""
        return self.type == "bytes" or self.python == "ndarray" or self.holds_files


@dataclass(frozen=True)
class Input:
    """What an entry takes.

    Attributes:
        kind: how rows become what the entry receives, in one call for all rows:
            ``frame``: objects by column → a pandas DataFrame with the fields' dtypes and order;
            ``array``: (nested) lists → a numpy array (rows, *shape) of ``fields[0].dtype``;
            ``series``: single values → a pandas Series of ``fields[0].dtype``, named as the field;
            ``list``: single values → a Python list.
            Or one call a row: ``arguments``: objects by argument name → keyword arguments.
        fields: columns; the one item of array, series and list; arguments.
        shape: of ``array``: the shape of one row, ``(4,)``, ``(28, 28)``; ``()`` for scalars.
        names: of ``array``: what the columns mean, where known (documentation).
    """

    kind: str
    fields: tuple[Field, ...]
    shape: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def takes_files(self) -> bool:
        """Whether there is something in it that can be uploaded."""
        return self.kind != "array" and any(field.is_file for field in self.fields)


@dataclass(frozen=True)
class Output:
    """What an entry answers, learnt by calling it.

    Attributes:
        kind: what the entry returns for a batch (or for one call, with ``arguments``):
            ``array``, ``series``, ``frame``, ``list``, or ``value`` (anything else, once a row).
        fields: one field for array, series and list items; columns for a frame; for ``value``
            the one field that describes it.
        shape: of ``array``: the shape of one row's answer.
        names: what the positions of a row's answer mean (class labels of ``predict_proba``).
    """

    kind: str
    fields: tuple[Field, ...]
    shape: tuple[int, ...] = ()
    names: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Entry:
    """What becomes an endpoint, ``POST /<name>``.

    Attributes:
        name: the route.
        call: where ``notebook.py`` holds it: ``predict``, ``model.predict_proba``.
        input, output: the typed contract.
        bind: parameters that are not inputs, to names in ``notebook.py``.
        parameter: name of the parameter that takes the rows; "" to pass them by position.
        doc: what it does, from the docstring.
        row_wise: whether a row's answer is the same alone and among others, tried with equal rows,
            in another order, and beside rows with missing, extreme and new values.
        aligned: whether the answer has one item a row; if not, the whole call has one answer.
        repeats: whether the same input gave the same answer twice.
        rtol: relative tolerance of comparisons; 0.0 (exact) but where ``tolerance_reason`` says.
        atol: absolute tolerance, likewise.
        tolerance_reason: why not exact, in words; "" when exact.
        is_async: whether the function is a coroutine function.
        lean: whether ``runtime.lean`` has a plan for it whose answers the build found to be the
            model's own, bit for bit.
    """

    name: str
    call: str
    input: Input
    output: Output
    bind: dict[str, str] = field(default_factory=dict)
    parameter: str = ""
    doc: str = ""
    row_wise: bool = True
    aligned: bool = True
    repeats: bool = True
    rtol: float = 0.0
    atol: float = 0.0
    tolerance_reason: str = ""
    is_async: bool = False
    lean: bool = False


@dataclass(frozen=True)
class Contract:
    """All entries of a service.

    Attributes:
        name: service name (``churn``).
        title: one line for people.
        description: purpose, from the notebook's first markdown.
        entries: the first one also answers ``POST /predict``, if no other is called so
            and it is the only one.
        metadata: provenance shown by ``GET /metadata`` (notebook, hash, versions).
        setup: whether ``notebook.py`` opens things at start (service-setup cells). They belong
            to the process and thread that made them, so its code then runs in one thread.
    """

    name: str
    title: str
    description: str
    entries: tuple[Entry, ...]
    metadata: dict[str, Any] = field(default_factory=dict)
    setup: bool = False

    @property
    def lean(self) -> bool:
        """Whether an entry takes the lean path."""
        return any(entry.lean for entry in self.entries)

    def routes(self) -> dict[str, Entry]:
        """Route name → entry; a single entry also answers ``predict``."""
        routes = {entry.name: entry for entry in self.entries}
        if len(self.entries) == 1:
            routes.setdefault("predict", self.entries[0])
        return routes


def dump_contract(contract: Contract) -> str:
    """The contract as JSON text, defaults left out, stable in its order."""
    return json.dumps(compact(contract), indent=2, ensure_ascii=False) + "\n"


def load_contract(text: str) -> Contract:
    """The contract that ``dump_contract`` wrote.

    Raises:
        ValueError: the text is not a contract.
    """
    raw = json.loads(text)
    entries = tuple(
        Entry(
            **{
                **entry,
                "input": _load_side(Input, entry["input"]),
                "output": _load_side(Output, entry["output"]),
            }
        )
        for entry in raw["entries"]
    )
    return Contract(**{**raw, "entries": entries})


def _load_side(kind: Any, raw: dict[str, Any]) -> Any:
    made = {**raw, "fields": tuple(_load_field(item) for item in raw["fields"])}
    for name in ("shape", "names"):
        if name in made:
            made[name] = tuple(made[name])
    return kind(**made)


def _load_field(raw: dict[str, Any]) -> Field:
    made = dict(raw)
    if made.get("items") is not None:
        made["items"] = _load_field(made["items"])
    made["fields"] = tuple(_load_field(item) for item in made.get("fields", ()))
    made["shape"] = tuple(made.get("shape", ()))
    if isinstance(made.get("label"), list):
        made["label"] = tuple(made["label"])
    if made.get("categories") is not None:
        made["categories"] = tuple(made["categories"])
    return Field(**made)


def compact(value: Any) -> Any:
    """Dataclasses as dictionaries without the members that hold their default."""
    if isinstance(value, (list, tuple)):
        return [compact(item) for item in value]
    if not hasattr(value, "__dataclass_fields__"):
        return value
    plain = {}
    for member in fields(value):
        item = getattr(value, member.name)
        default = member.default_factory() if callable(member.default_factory) else member.default
        if item != default or type(item) is not type(default):
            plain[member.name] = compact(item)
    return plain
