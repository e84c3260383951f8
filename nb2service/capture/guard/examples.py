"""Looks at the example values, which contract.json, openapi.json and the README publish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...runtime.contract import Field
from ..learning.learn import Learned
from ..learning.masking import NAMELESS, is_wanted
from .findings import Finding
from .people import Personal, columns_of, find_personal

_TEXTUAL = ("string", "any", "object", "list", "integer")
_SHOWN = "the example values that the project publishes"


def example_findings(learned: Sequence[Learned], masked: Sequence[str]) -> Iterator[Finding]:
    """What looks like personal data or credentials among the recorded rows and answers.

    Args:
        learned: the entries.
        masked: columns whose values are made up.
    """
    seen: set[str] = set()
    for item in learned:
        entry, case = item.entry, item.case
        names = [str(name) for name in entry.input.names]
        for found in _personal(entry.input.fields, case["instances"], names, entry.parameter):
            if found.column not in seen and not is_wanted(found.column, masked):
                seen.add(found.column)
                yield _of_input(found, entry.name)
        if set(masked) & seen:
            continue
        for found in _personal(entry.output.fields, case["batch"], (), entry.name):
            if found.strong and found.column not in seen and not masked:
                seen.add(found.column)
                yield _of_answer(found, entry.name)


def _personal(
    fields: Sequence[Field], rows: Sequence[Any], names: Sequence[str], parameter: str
) -> list[Personal]:
    textual = [field for field in fields if field.type in _TEXTUAL]
    if not textual:
        return []
    columns = columns_of(rows, names, fields[0].name or parameter or NAMELESS)
    return find_personal(columns)


def _of_input(found: Personal, entry: str) -> Finding:
    why = (f"examples of {entry}", found.column)
    options = ("--mask", "--allow")
    name = f'"{found.column}"' if " " in found.column else found.column
    if found.strong:
        return Finding(
            found.column, "example", "", None, why, f"holds {found.what}, in {_SHOWN}",
            "publish made-up values in their place", options,
        )  # fmt: skip
    return Finding(
        found.column, "example", "", None, why, f"looks like {found.what}, in {_SHOWN}",
        f"--mask {name} publishes made-up values in their place", options, refused=False,
    )  # fmt: skip


def _of_answer(found: Personal, entry: str) -> Finding:
    return Finding(
        found.column, "example", "", None, (f"answers of {entry}", found.column),
        f"hold {found.what}, in {_SHOWN}",
        "mask what the entry looks them up by, or give another --example",
    )  # fmt: skip
