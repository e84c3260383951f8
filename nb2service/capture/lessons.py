"""What all entries taught: each called with its example, made up where that was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ContractError, ExampleError, UsageError
from ..notebook.cells import Notebook
from ..notebook.statements import Statement
from .entries.find import EntryRequest
from .learning.examples import find_example
from .learning.learn import Learned, learn
from .learning.masking import Masked, mask
from .model import CaptureWarning


@dataclass(frozen=True)
class Lessons:
    """What calling the entries taught.

    Attributes:
        requests: the entries that can be served.
        learned: what each of them taught, in the same order.
        originals: telling texts of example values that were to be masked.
        warnings: methods that had to be left out, and what the entries' own lessons say.
    """

    requests: tuple[EntryRequest, ...]
    learned: tuple[Learned, ...]
    originals: frozenset[str]
    warnings: tuple[CaptureWarning, ...]


def learn_all(
    requests: Sequence[EntryRequest],
    namespace: Mapping[str, Any],
    notebook: Notebook,
    statements: Sequence[Statement],
    expression: str | None,
    masked: Sequence[str],
) -> Lessons:
    """Calls each entry.

    A model brings all its methods; one of the further ones without a form on the wire (a
    ``predict_proba`` for several targets) does not keep the model from being served.

    Args:
        requests: the entries.
        namespace: the live namespace.
        notebook: its cells.
        statements: of all cells.
        expression: of the example input, if given.
        masked: columns and parameters whose example values are made up.

    Raises:
        ExampleError, ContractError, EntryError: an entry cannot be learnt.
        UsageError: no entry has a column that was to be masked.
    """
    taught: list[tuple[EntryRequest, Learned]] = []
    unserved: list[CaptureWarning] = []
    examples: list[Masked] = []
    for request in requests:
        try:
            example = find_example(request, namespace, notebook, statements, expression)
            examples.append(mask(example, masked, request, namespace))
            learned = _learn(request, examples[-1], namespace)
        except ContractError as error:
            if all(other.expression != request.expression for other, _ in taught):
                raise
            message = f"{request.expression}.{request.method} is not served: {error.message}"
            unserved.append(CaptureWarning(message, "", error.cell))
        else:
            taught.append((request, learned))
    _check_masked(masked, examples)
    return Lessons(
        tuple(request for request, _ in taught),
        tuple(learned for _, learned in taught),
        frozenset().union(*(example.originals for example in examples)),
        (*unserved, *(warning for _, learned in taught for warning in learned.warnings)),
    )


def _learn(request: EntryRequest, masked: Masked, namespace: Mapping[str, Any]) -> Learned:
    try:
        return learn(request, masked.example, namespace)
    except ExampleError as error:
        if not masked.made_up:
            raise
        raise ExampleError(
            f"entry {request.name!r} does not take the made-up values of "
            f"{', '.join(masked.made_up)}: {error.message}",
            "mask other columns only, or give made-up rows of your own: --example EXPR",
            error.cell,
        ) from None


def _check_masked(masked: Sequence[str], examples: Sequence[Masked]) -> None:
    known = list(dict.fromkeys(column for example in examples for column in example.columns))
    for column in masked:
        if not any(column in example.used for example in examples):
            raise UsageError(
                f"--mask {column}: the examples have no such column",
                f"they have {', '.join(known[:30])}{', …' if len(known) > 30 else ''}",
            )
