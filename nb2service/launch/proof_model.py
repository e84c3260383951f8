"""What a proof says, as data and in words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..errors import ProofError
from ..project.fields import describe_tolerance

EQUAL, DIFFERENT, NOT_COMPARABLE = "equal", "different", "not comparable"
_PLACES = {
    "kernel": "the notebook's own environment",
    "clean": "a clean environment made from requirements.txt",
}
_HOW = (
    "The notebook's own answers are recorded in `tests/cases/`. The service was asked for each of "
    "them again over HTTP, and every value was compared: its type, missing values, order and shape."
)
_MODES = {"batch": "all rows at once", "row": "row by row"}


@dataclass(frozen=True)
class ProofDifference:
    """One value that the service answered otherwise than the notebook.

    Attributes:
        wire: ``json`` or ``csv``.
        mode: ``batch`` or ``row``.
        row: index of the row in the recorded cases.
        path: where in the prediction; ``status`` or ``Prediction-Dtype`` for the whole answer.
        expected: the notebook's value, in wire form.
        got: the service's value.
        input: the row that was sent; None where the answer as a whole differs.
    """

    wire: str
    mode: str
    row: int
    path: str
    expected: Any
    got: Any
    input: Any


@dataclass(frozen=True)
class ProofEntry:
    """What was compared of one entry.

    Attributes:
        name: its route.
        cases: how many recorded rows.
        compared: (wire, mode, number of predictions compared).
        rtol, atol: tolerance; 0.0 means exact.
        tolerance_reason: why not exact; "" when exact.
        different: how many values differ in all.
        differences: the first of them.
        cause: why they probably differ, or why nothing could be compared.
        verdict: ``equal``, ``different`` or ``not comparable``.
    """

    name: str
    cases: int
    compared: tuple[tuple[str, str, int], ...]
    rtol: float
    atol: float
    tolerance_reason: str
    different: int
    differences: tuple[ProofDifference, ...]
    cause: str
    verdict: str

    @property
    def total(self) -> int:
        """How many predictions were compared."""
        return sum(count for _, _, count in self.compared)

    @property
    def tolerance(self) -> str:
        """The tolerance in words."""
        return describe_tolerance(self.rtol, self.atol)

    @property
    def ways(self) -> str:
        """The ways in which the rows were sent, in words."""
        ways = [f"{wire.upper()} {_MODES[mode]}" for wire, mode, _ in self.compared]
        return ", ".join(ways)

    def table(self) -> str:
        """The first differences side by side, as text."""
        head = ("row", "where", "sent as", "notebook", "service", "input")
        rows = [
            (
                str(item.row),
                item.path or "answer",
                f"{item.wire}, {item.mode}",
                _short(item.expected),
                _short(item.got, 300 if item.path == "status" else 40),
                _short(item.input, 120),
            )
            for item in self.differences
        ]
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in [head, *rows]
        ]
        more = self.different - len(self.differences)
        return "\n".join(lines + ([f"… and {more} more"] if more > 0 else []))


@dataclass(frozen=True)
class ProofRun:
    """The comparisons made in one environment.

    Attributes:
        environment: ``kernel`` or ``clean``.
        python: version of the interpreter that served.
        versions: (package, version) of the notebook's direct packages there.
        entries: what was compared.
    """

    environment: str
    python: str
    versions: tuple[tuple[str, str], ...]
    entries: tuple[ProofEntry, ...]

    @property
    def verdict(self) -> str:
        """``different`` if any entry is; ``equal`` if all are."""
        return _worst(entry.verdict for entry in self.entries)

    @property
    def summary(self) -> str:
        """One line: what was compared, where, and the verdict."""
        where = _PLACES.get(self.environment, self.environment)
        total = sum(entry.total for entry in self.entries)
        if self.verdict == EQUAL:
            tolerant = [entry for entry in self.entries if entry.tolerance_reason]
            furthest = max((max(entry.rtol, entry.atol) for entry in tolerant), default=0.0)
            how = f"to within {furthest:g}" if tolerant else "exactly"
            answers = (
                "1 answer over HTTP equals" if total == 1 else f"{total} answers over HTTP equal"
            )
            return f"{answers} the notebook's {how}, in {where}"
        names = [entry.name for entry in self.entries if entry.verdict == self.verdict]
        if self.verdict == DIFFERENT:
            wrong = sum(entry.different for entry in self.entries)
            return f"{wrong} values of {', '.join(names)} differ from the notebook's, in {where}"
        return f"the answers of {', '.join(names)} could not be compared, in {where}"

    @property
    def text(self) -> str:
        """All of it in plain text."""
        lines = [self.summary]
        for entry in self.entries:
            lines.append(f"  {entry.name}: {entry.verdict} — {entry.total} predictions compared")
            if entry.compared:
                how = f"compared {entry.tolerance}"
                lines.append(f"    {entry.cases} recorded rows as {entry.ways}; {how}")
            lines += [f"    {entry.tolerance_reason}"] if entry.tolerance_reason else []
            lines += [f"    {entry.cause}"] if entry.cause else []
            if entry.differences:
                lines += ["    " + line for line in entry.table().splitlines()]
        return "\n".join(lines)

    def raise_if_different(self) -> None:
        """Raises what a person needs to see when the answers differ.

        Raises:
            ProofError: with the first differences side by side, and the likely cause.
        """
        for entry in self.entries:
            if entry.verdict == DIFFERENT:
                where = _PLACES.get(self.environment, self.environment)
                raise ProofError(
                    f"{entry.name} does not answer as the notebook does, in {where}: "
                    f"{entry.different} differences\n{entry.table()}",
                    entry.cause,
                )

    def to_json(self) -> dict[str, Any]:
        """The run as ``proof.json`` holds it."""
        return {
            "environment": self.environment,
            "verdict": self.verdict,
            "summary": self.summary,
            "python": self.python,
            "versions": dict(self.versions),
            "entries": [_entry_to_json(entry) for entry in self.entries],
        }


@dataclass(frozen=True)
class Proof:
    """What was compared, where, and the verdict; no times, so the same proof is the same text.

    Attributes:
        runs: one for each environment.
    """

    runs: tuple[ProofRun, ...]

    @property
    def verdict(self) -> str:
        """``different`` if any run is; ``equal`` if all are; ``not comparable`` without any."""
        return _worst(run.verdict for run in self.runs)

    def to_json(self) -> dict[str, Any]:
        """The proof as ``proof.json`` holds it."""
        return {"verdict": self.verdict, "runs": [run.to_json() for run in self.runs]}

    def markdown(self) -> str:
        """The proof as the README tells it."""
        return "\n\n".join([_HOW, *(_run_markdown(run) for run in self.runs)])


def load_proof(text: str) -> Proof:
    """The proof that ``to_json`` wrote.

    Raises:
        ValueError: the text is not a proof.
    """
    try:
        return Proof(tuple(_load_run(run) for run in json.loads(text)["runs"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a proof: {error}") from None


def _worst(verdicts: Iterable[str]) -> str:
    found = set(verdicts)
    if DIFFERENT in found:
        return DIFFERENT
    return EQUAL if found == {EQUAL} else NOT_COMPARABLE


def _entry_to_json(entry: ProofEntry) -> dict[str, Any]:
    compared = [{"wire": w, "mode": m, "predictions": n} for w, m, n in entry.compared]
    return {
        **vars(entry),
        "compared": compared,
        "differences": [vars(d) for d in entry.differences],
    }


def _load_run(raw: dict[str, Any]) -> ProofRun:
    entries = tuple(
        ProofEntry(
            **{
                **entry,
                "compared": tuple(
                    (c["wire"], c["mode"], c["predictions"]) for c in entry["compared"]
                ),
                "differences": tuple(ProofDifference(**d) for d in entry["differences"]),
            }
        )
        for entry in raw["entries"]
    )
    return ProofRun(raw["environment"], raw["python"], tuple(raw["versions"].items()), entries)


def _run_markdown(run: ProofRun) -> str:
    where = _PLACES.get(run.environment, run.environment)
    versions = ", ".join(f"{name} {version}" for name, version in run.versions)
    lines = [
        f"**{run.verdict.capitalize()}** in {where} (Python {run.python}"
        + (f", {versions})" if versions else ")"),
        "",
        "| entry | verdict | recorded rows | predictions compared | sent as | compared |",
        "|---|---|---|---|---|---|",
    ]
    for entry in run.entries:
        cells = (entry.verdict, entry.cases, entry.total, entry.ways or "-", entry.tolerance)
        lines.append(f"| `{entry.name}` | " + " | ".join(str(cell) for cell in cells) + " |")
    for entry in run.entries:
        if entry.cause:
            lines += ["", f"`{entry.name}`: {entry.cause}"]
        if entry.differences:
            lines += ["", "```", entry.table(), "```"]
    return "\n".join(lines)


def _short(value: Any, limit: int = 40) -> str:
    text = (
        value if isinstance(value, str) and limit > 200 else json.dumps(value, ensure_ascii=False)
    )
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
