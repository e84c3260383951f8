"""What can be wrong with a request, in the form that the client receives (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

MEDIA_TYPE = "application/problem+json"

# So that one wrong column of a large batch does not make an answer larger than the batch.
MAX_VIOLATIONS = 100


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """A request that gets no prediction.

    Args:
        status: HTTP status code.
        detail: what is wrong with this request, for a person.
        members: further members of the problem document.
        headers: headers of the answer (``Allow``, ``Retry-After``).

    Attributes:
        refused: ``overload``, ``deadline``, ``key`` or ``limit``, where one of these is the reason.
    """

    refused = ""

    def __init__(
        self,
        status: int,
        detail: str,
        members: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.members = members or {}
        self.headers = headers or {}

    def __str__(self) -> str:
        return self.detail

    def to_json(self) -> bytes:
        """The problem document."""
        document = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        return json.dumps(document, ensure_ascii=False).encode()


class BrokenRow(Problem):
    """A row that cannot be read (400).

    Args:
        what: of what it is one: ``line``, ``CSV row``.
        number: which one, from 1.
        fault: what is wrong with it.
    """

    def __init__(self, what: str, number: int, fault: str) -> None:
        super().__init__(400, f"{what} {number} {fault}")
        self.what, self.number, self.fault = what, number, fault

    def counted_from(self, before: int) -> str:
        """The detail, where so many stand before the body."""
        return f"{self.what} {before + self.number} {self.fault}"


class MissingForm(TypeError):  # noqa: N818 - says what it is
    """A live value that has no form on the wire."""


@dataclass(frozen=True)
class Violation:
    """One breach of the contract: in which row (from 0), at which field, and what is wrong."""

    row: int
    field: str
    message: str


class Violations(Problem):
    """Input that breaks the contract (422), with every breach up to ``MAX_VIOLATIONS``."""

    def __init__(self, errors: Iterable[Violation], count: int | None = None) -> None:
        self.errors = tuple(errors)
        count = len(self.errors) if count is None else count
        first = self.errors[0]
        where = f"row {first.row}" + (f", field {first.field!r}" if first.field else "")
        more = f" (and {count - 1} more)" if count > 1 else ""
        super().__init__(
            422,
            f"{where}: {first.message}{more}",
            {"errors": [asdict(error) for error in self.errors]},
        )


class Report:
    """Collects violations, so that a client learns of all of them at once.

    Attributes:
        errors: the first ``MAX_VIOLATIONS``.
        count: how many there are in all.
    """

    def __init__(self) -> None:
        self.errors: list[Violation] = []
        self.count = 0

    def add(self, row: int, field: str, message: str) -> None:
        """Note one breach."""
        self.count += 1
        if self.count <= MAX_VIOLATIONS:
            self.errors.append(Violation(row, field, message))

    def raise_any(self) -> None:
        """Raise ``Violations`` if there were any."""
        if self.errors:
            self.errors.sort(key=lambda error: error.row)
            raise Violations(self.errors, self.count)
