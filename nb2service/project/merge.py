"""Three-way merge of one file: what a person made of its last generated version, and the new one.

By line, as diff3 and git do it. What cannot be merged for sure is a conflict; nothing is guessed.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import PurePosixPath
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ..runtime.contract import load_contract
from .model import PAGE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_LONGEST = 20_000  # lines; comparing takes the square of it at worst
# What tools write, and is right only as a whole: recorded answers, hashes, pages.
_WHOLE = (".json", ".ipynb")
_BY_LINE_TOO = ("contract.json", "openapi.json")


@dataclass(frozen=True)
class Merge:
    """What came of it.

    Attributes:
        data: the merged file; None where the two sides conflict.
        lines: first and last line of each conflict, in the person's file, counted from 1.
        reason: why it is a conflict, where that is not a matter of single lines.
    """

    data: bytes | None
    lines: tuple[tuple[int, int], ...] = ()
    reason: str = ""


def by_line(path: str) -> bool:
    """Whether versions of this file can be merged at all."""
    file = PurePosixPath(path)
    return path != PAGE and (file.suffix not in _WHOLE or file.name in _BY_LINE_TOO)


def merge(path: str, base: bytes, mine: bytes, new: bytes) -> Merge:
    """The new version with a person's edits.

    Line ends and a missing last one stay as the person's file has them.

    Args:
        path: where the file is in its project, which tells what it must parse as.
        base: the version that the person edited.
        mine: what the person made of it.
        new: the version to merge into it.
    """
    if any(b"\0" in data for data in (base, mine, new)):
        return Merge(None, reason="it is no text")
    end = b"\r\n" if b"\r\n" in mine else b"\n"
    open_ended = not mine.endswith(b"\n")
    texts = (mine, *(adapted(data, mine) for data in (base, new)))
    mine_lines, base_lines, new_lines = (_lines(text, end if open_ended else b"") for text in texts)
    if max(len(mine_lines), len(base_lines), len(new_lines)) > _LONGEST:
        return Merge(None, reason="it is too long")
    merged, conflicts = merge_lines(base_lines, mine_lines, new_lines)
    if conflicts:
        return Merge(None, tuple(conflicts))
    data = b"".join(merged)
    if open_ended:
        data = data.removesuffix(end)
    fault = _fault(path, data)
    return Merge(None, reason=f"put together, {fault}") if fault else Merge(data)


def same_text(mine: bytes, other: bytes) -> bool:
    """Whether the two differ at most in their line ends."""
    return mine == adapted(other, mine)


def merge_lines(
    base: Sequence[bytes], mine: Sequence[bytes], new: Sequence[bytes]
) -> tuple[list[bytes], list[tuple[int, int]]]:
    """The lines of both sides, and where in ``mine`` (from 1) both changed the same ones."""
    merged: list[bytes] = []
    conflicts = []
    at_base = at_mine = at_new = 0
    for in_base, in_mine, in_new, length in _common(base, mine, new):
        was, edited = base[at_base:in_base], mine[at_mine:in_mine]
        generated = new[at_new:in_new]
        if edited in (was, generated):
            merged += generated
        elif generated == was:
            merged += edited
        else:
            first = min(at_mine + 1, max(len(mine), 1))
            conflicts.append((first, max(first, in_mine)))
        merged += mine[in_mine : in_mine + length]
        at_base, at_mine, at_new = in_base + length, in_mine + length, in_new + length
    return merged, conflicts


def _common(
    base: Sequence[bytes], mine: Sequence[bytes], new: Sequence[bytes]
) -> Iterator[tuple[int, int, int, int]]:
    """Runs of lines that all three have: where in each, and how many; last an empty one."""
    in_mine = _matches(base, mine)
    in_new = _matches(base, new)
    i = j = 0
    while i < len(in_mine) and j < len(in_new):
        a, b = in_mine[i], in_new[j]
        start, end = max(a.a, b.a), min(a.a + a.size, b.a + b.size)
        if start < end:
            yield start, a.b + start - a.a, b.b + start - b.a, end - start
        if a.a + a.size < b.a + b.size:
            i += 1
        else:
            j += 1
    yield len(base), len(mine), len(new), 0


def _matches(base: Sequence[bytes], other: Sequence[bytes]) -> list[Any]:
    return SequenceMatcher(None, base, other, autojunk=False).get_matching_blocks()


def adapted(text: bytes, like: bytes) -> bytes:
    """The text with ``\\r\\n`` at each line's end, if all lines of ``like`` have that."""
    count = like.count(b"\n")
    crlf = count > 0 and like.count(b"\r\n") == count and b"\r\n" not in text
    return text.replace(b"\n", b"\r\n") if crlf else text


def _lines(text: bytes, end: bytes) -> list[bytes]:
    """The lines with their ends, cut at ``\\n`` alone; ``end`` for a last one that has none."""
    if text and not text.endswith(b"\n"):
        text += end
    lines = text.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _fault(path: str, data: bytes) -> str:
    """Why this can be no such file, as what follows "put together, "; "" if it can."""
    name = PurePosixPath(path).name
    check = _CHECKS.get(name) or _CHECKS.get(PurePosixPath(path).suffix)
    if check is None and name.startswith("requirements"):
        check = _check_requirements
    try:
        if check:
            check(data)
    except (SyntaxError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = str(error).splitlines() or [type(error).__name__]
        return f"they are no valid {name}: {said[0]}"
    return ""


def _check_python(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(data, "<merged>", "exec", dont_inherit=True)


def _check_json(data: bytes) -> None:
    json.loads(data, object_pairs_hook=_each_once)


def _check_contract(data: bytes) -> None:
    _check_json(data)
    load_contract(data.decode())


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(name for name in made if [key for key, _ in pairs].count(name) > 1)
        raise ValueError(f"{twice!r} is there twice")
    return made


def _check_toml(data: bytes) -> None:
    tomllib.loads(data.decode())


def _check_requirements(data: bytes) -> None:
    """As pip wants them: each package once for one marker, and all with hashes or none."""
    seen: set[tuple[str, str]] = set()
    hashed: set[bool] = set()
    for line in data.decode().replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        text, _, hashes = line.split(" #")[0].strip().partition(" --hash=")
        if not text or text.startswith(("#", "-")):
            continue
        try:
            required = Requirement(text)
        except InvalidRequirement as error:
            raise ValueError(f"{text!r}: {error}") from None
        key = (canonicalize_name(required.name), str(required.marker or ""))
        if key in seen:
            raise ValueError(f"{required.name} is there twice")
        seen.add(key)
        hashed.add(bool(hashes))
    if len(hashed) > 1:
        raise ValueError("some packages have hashes and some have none")


_CHECKS: dict[str, Callable[[bytes], None]] = {
    ".py": _check_python,
    ".json": _check_json,
    "contract.json": _check_contract,
    ".toml": _check_toml,
}
