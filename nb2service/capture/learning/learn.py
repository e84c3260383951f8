"""Learns an entry's contract by calling it, and records the calls as the case that proves it.

A case is what ``runtime.replay`` reads:

    {"entry": "predict",
     "instances": [wire rows],
     "batch": [wire predictions of one call for all rows; the one answer where not aligned],
     "rows": [wire prediction of each of the first rows alone], absent where every row is a call,
     "origin": "20 rows of X_test, cell [7]"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...runtime.contract import Entry, Field, Input, Output
from ..entries.find import EntryRequest
from ..entries.signatures import is_model
from ..model import CaptureWarning
from .asking import Answers, Asker
from .calling import Caller, undisturbed
from .closeness import Gap, widest
from .docs import doc_of
from .enriching import enriched
from .fitting import Example
from .inputs import input_of
from .lean import check_lean
from .neighbours import beside_others
from .outputs import output_of, value_output
from .probing import probe_missing
from .unsteady import asks_for_the_date, reasons


@dataclass(frozen=True)
class Learned:
    """What calling an entry taught.

    Attributes:
        entry: its contract.
        case: the recorded case, JSON-ready (see the module's head).
        warnings: what to know before shipping it.
    """

    entry: Entry
    case: dict[str, Any]
    warnings: tuple[CaptureWarning, ...]


def learn(request: EntryRequest, example: Example, namespace: Mapping[str, Any]) -> Learned:
    """The contract of an entry, and the case that proves a service answers as the entry does.

    Calls the entry with all rows, again with the rows as they come back from the wire, and with
    each row alone. Nothing it prints is shown, and it never gets the notebook's own objects.

    Args:
        request: the entry.
        example: input that the entry accepts (``find_example``).
        namespace: the live namespace.

    Raises:
        ContractError: input or answer has no faithful form on the wire.
        ExampleError: the entry raised.
        EntryError: the entry answers None.
    """
    with undisturbed():
        call = Caller(request, namespace, example.kind == "arguments", example.parameter)
        example = enriched(example, call)
        input_, notes = input_of(example.kind, example.value, request, namespace)
        asker = Asker(call, example, input_)
        rows = asker.rows()
        answers = asker.ask(rows)
        if answers.again.close and not answers.again.exact and _follows_the_clock(asker, rows):
            answers = replace(answers, again=Gap(alike=False))
        if is_model(request) and not call.arguments:
            input_ = probe_missing(input_, rows, lambda r, i: call(asker.receive(r, i)))
        if answers.again.close and answers.alone is not None and answers.alone.close:
            beside = beside_others(replace(asker, input=input_), rows, answers)
            answers = replace(answers, alone=widest(answers.alone, beside))
        if call.arguments:
            output = value_output(answers.live, answers.dtype, request)
        else:
            output = output_of(answers.live, answers.dtype, answers.aligned, request)
        entry = _entry(
            call, _with_examples(input_, rows), _with_example(output, answers.batch), answers
        )
        why = _unsteadiness(entry, asker, rows)
        if entry.repeats and check_lean(request, entry.input, rows):
            entry = replace(entry, lean=True)
    warnings = [*example.warnings, *(CaptureWarning(note, "", request.cell) for note in notes)]
    warnings += [CaptureWarning(*note, request.cell) for note in answers.notes]
    warnings += [*why, *_warnings(entry, answers, request)]
    return Learned(entry, _case(request, example, rows, entry, answers), tuple(warnings))


def _case(
    request: EntryRequest, example: Example, rows: list[Any], entry: Entry, answers: Answers
) -> dict[str, Any]:
    case: dict[str, Any] = {"entry": request.name, "instances": rows, "batch": answers.batch}
    if entry.repeats and answers.rows:
        case["rows"] = answers.rows
    where = f", cell [{example.cell}]" if example.cell is not None else ""
    case["origin"] = example.origin + where
    return case


def _entry(call: Caller, input_: Input, output: Output, answers: Answers) -> Entry:
    request = call.request
    repeats = answers.again.close
    alone = answers.alone or Gap(alike=call.arguments)
    gaps = [gap for gap in (answers.again, alone) if repeats and gap.close and not gap.exact]
    tolerances = [gap.tolerance() for gap in gaps]
    return Entry(
        name=request.name,
        call=f"{request.variable}.{request.method}" if request.method else request.variable,
        input=input_,
        output=output,
        bind=dict(request.bind),
        parameter=call.parameter,
        doc=doc_of(request),
        row_wise=repeats and answers.aligned and alone.close,
        aligned=answers.aligned,
        repeats=repeats,
        rtol=max((rtol for rtol, _ in tolerances), default=0.0),
        atol=max((atol for _, atol in tolerances), default=0.0),
        tolerance_reason=_tolerance_reason(gaps, answers),
        is_async=call.is_async,
    )


def _tolerance_reason(gaps: list[Gap], answers: Answers) -> str:
    if not gaps:
        return ""
    furthest = max(max(gap.relative, gap.absolute) for gap in gaps)
    who = (
        "a row answered alone and the same row among others"
        if answers.again.exact
        else "two answers to the same rows"
    )
    return (
        f"{who} may differ in the last bits (measured: {furthest:.1g}), "
        "because the arithmetic library adds in another order"
    )


def _follows_the_clock(asker: Asker, rows: list[Any]) -> bool:
    """Whether it is the time, and not the order of additions, that moves the last digits."""

    def ask() -> Any:
        return asker.respond(asker.receive(rows)).wire

    return ask() != ask() and any(r.kind == "time" for r in reasons(asker.call, ask))


def _unsteadiness(entry: Entry, asker: Asker, rows: list[Any]) -> list[CaptureWarning]:
    """Why its answers do not repeat, or may not tomorrow."""
    name, cell = f"entry {entry.name!r}", asker.call.request.cell
    if entry.repeats:
        date = asks_for_the_date(asker.call)
        said = f"{name} asks for the date ({date}): tomorrow it may answer otherwise than today"
        return [CaptureWarning(said, "take the date as an argument", cell)] if date else []
    found = reasons(asker.call, lambda: asker.respond(asker.receive(rows)).wire)
    because = f": it {' and '.join(reason.what for reason in found)}" if found else ""
    return [
        CaptureWarning(
            f"{name} answers the same input differently each time{because}. Its answers cannot be "
            "compared value by value",
            "; ".join(dict.fromkeys(reason.mend for reason in found))
            or "let the answer follow from the input alone",
            cell,
        )
    ]


def _warnings(entry: Entry, answers: Answers, request: EntryRequest) -> list[CaptureWarning]:
    name = f"entry {entry.name!r}"
    if entry.repeats and answers.alone and not answers.alone.close:
        return [
            CaptureWarning(
                f"{name}: the answer for a row depends on the other rows of the call",
                "callers must send the rows together; statistics of the whole input belong "
                "into the fit",
                request.cell,
            )
        ]
    return []


def _with_examples(input_: Input, rows: list[Any]) -> Input:
    if input_.kind in ("frame", "arguments"):
        fields = tuple(
            _with_first(field, [row[field.name] for row in rows if field.name in row])
            for field in input_.fields
        )
        return replace(input_, fields=fields)
    return replace(input_, fields=(_with_first(input_.fields[0], rows),))


def _with_example(output: Output, batch: list[Any]) -> Output:
    if output.kind == "frame":
        fields = tuple(
            _with_first(field, [row[field.name] for row in batch]) for field in output.fields
        )
        return replace(output, fields=fields)
    return replace(output, fields=(_with_first(output.fields[0], batch),))


def _with_first(field: Field, values: list[Any]) -> Field:
    """The field with the first value that is not missing as its example."""
    return replace(field, example=next((value for value in values if value is not None), None))
