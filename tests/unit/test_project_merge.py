"""Edits survive: no merge loses a line, and what cannot be merged for sure is a conflict."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb2service.project.merge import by_line, merge, merge_lines

BASE = "a\nb\nc\nd\ne\n"

# what it shows, the person's file, the new version, the result
MERGES = [
    ("nobody changed anything", BASE, BASE, BASE),
    ("only the notebook changed", BASE, "a\nB\nc\nd\ne\n", "a\nB\nc\nd\ne\n"),
    ("only the person changed", "a\nB\nc\nd\ne\n", BASE, "a\nB\nc\nd\ne\n"),
    ("both, at other places", "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\n", "A\nb\nc\nd\nE\n"),
    ("both the same", "a\nX\nc\nd\ne\n", "a\nX\nc\nd\ne\n", "a\nX\nc\nd\ne\n"),
    ("both the same and more", "a\nX\nc\nd\ne\nf\n", "0\na\nX\nc\nd\ne\n", "0\na\nX\nc\nd\ne\nf\n"),
    ("lines added at both ends", "0\n" + BASE, BASE + "f\n", "0\n" + BASE + "f\n"),
    ("the person took lines away", "a\ne\n", BASE + "f\n", "a\ne\nf\n"),
    ("the notebook took lines away", BASE + "f\n", "c\nd\ne\n", "c\nd\ne\nf\n"),
    ("an emptied file stays empty", "", BASE, ""),
    ("CRLF of an editor", "A\r\nb\r\nc\r\nd\r\ne\r\n", BASE + "f\n",
     "A\r\nb\r\nc\r\nd\r\ne\r\nf\r\n"),
    ("line ends alone", BASE.replace("\n", "\r\n"), "a\nB\nc\nd\ne\n", "a\r\nB\r\nc\r\nd\r\ne\r\n"),
    ("no end of the last line", "A\nb\nc\nd\ne", BASE + "f\n", "A\nb\nc\nd\ne\nf"),
    ("CRLF without the last end", "A\r\nb\r\nc\r\nd\r\ne", BASE, "A\r\nb\r\nc\r\nd\r\ne"),
    ("a lone CR at the end", "a\nb\nc\nd\ne\nf\r", BASE, "a\nb\nc\nd\ne\nf\r"),
    ("form feeds and the like end no line", "a\x0cx\u2028y\nb\nc\nd\ne\n", BASE + "f\n",
     "a\x0cx\u2028y\nb\nc\nd\ne\nf\n"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("mine", "new", "result"), [c[1:] for c in MERGES], ids=[c[0] for c in MERGES]
)
def test_changes_at_different_places_are_merged(mine: str, new: str, result: str) -> None:
    merged = merge("NOTES", BASE.encode(), mine.encode(), new.encode())
    assert merged.data == result.encode()


CONFLICTS = [
    ("the same line", "a\nX\nc\nd\ne\n", "a\nY\nc\nd\ne\n", ((2, 2),)),
    ("neighbouring lines", "a\nX\nc\nd\ne\n", "a\nb\nY\nd\ne\n", ((2, 3),)),
    ("two places", "X\nb\nc\nd\nX\n", "Y\nb\nc\nd\nY\n", ((1, 1), (5, 5))),
    ("added at one place", "a\nX\nb\nc\nd\ne\n", "a\nY\nb\nc\nd\ne\n", ((2, 2),)),
    ("taken away what changed", "a\nb\nd\ne\n", "a\nb\nC\nd\ne\n", ((3, 3),)),
    ("emptied what changed", "", "a\nb\nC\nd\ne\n", ((1, 1),)),
    ("taken away the changed end", "a\nb\nc\nd\n", "a\nb\nc\nd\nE\n", ((4, 4),)),
]


@pytest.mark.parametrize(
    ("mine", "new", "lines"), [c[1:] for c in CONFLICTS], ids=[c[0] for c in CONFLICTS]
)
def test_changes_of_the_same_lines_are_a_conflict(
    mine: str, new: str, lines: tuple[tuple[int, int], ...]
) -> None:
    merged = merge("NOTES", BASE.encode(), mine.encode(), new.encode())
    assert (merged.data, merged.lines, merged.reason) == (None, lines, "")


CONTRACT = """\
{
  "name": "churn",
  "title": "Churn",
  "entries": [],
  "description": "",
  "metadata": {},
  "setup": true
}
"""
HASHED = """\
# What is needed
numpy==2.0.0 \\
    --hash=sha256:aa

# More
pandas==3.0.0 \\
    --hash=sha256:bb

# Web
flask==3.1.0 ; python_version < "4" \\
    --hash=sha256:cc
"""
FUNCTION = "def f():\n    return 1\n\n\nx = 1\n\n\ny = 2\n"

# what it shows, the path, the base, what each of the two changes, words of the reason
UNSOUND = [
    ("an indentation that is lost", "s/notebook.py", FUNCTION,
     ("    return 1", "  return 1\n    x"), ("y = 2\n", "y = 3\n"), "no valid notebook.py"),
    ("a bracket that is not closed", "compose.py", FUNCTION,
     ("def f", "x = (\ndef f"), ("y = 2\n", "y = 3\n"), "no valid compose.py"),
    ("a comma too few", "s/contract.json", CONTRACT,
     ('{\n', '{\n  "url": ""\n'), ('"setup": true', '"setup": false'), "no valid contract"),
    ("a member twice", "openapi.json", CONTRACT,
     ('{\n', '{\n  "x": 1,\n'), ('"setup": true', '"x": 2'), "'x' is there twice"),
    ("a contract without entries", "s/contract.json", CONTRACT,
     ('"entries"', '"enries"'), ('"setup": true', '"setup": false'), "no valid contract"),
    ("a table twice", "pyproject.toml", "[a]\nx = 1\n\n[b]\ny = 1\n\n[c]\nz = 1\n",
     ("[a]\n", "[d]\n\n[a]\n"), ("z = 1\n", "z = 1\n\n[d]\n"), "no valid pyproject.toml"),
    ("a package twice", "requirements.txt", HASHED,
     ("# What", "requests==2 \\\n --hash=sha256:d\n# What"),
     ("cc\n", "cc\nRequests==3 \\\n --hash=sha256:e\n"), "Requests is there twice"),
    ("a package without hash", "requirements.txt", HASHED,
     ("# What", "requests==2\n# What"), ("sha256:cc", "sha256:cd"), "some have none"),
    ("no requirement", "requirements.in", HASHED,
     ("# What", "please install it\n# What"), ("sha256:cc", "sha256:cd"), "please install it"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "base", "mine", "new", "reason"), [c[1:] for c in UNSOUND], ids=[c[0] for c in UNSOUND]
)
def test_what_does_not_parse_when_put_together_is_a_conflict(
    path: str, base: str, mine: tuple[str, str], new: tuple[str, str], reason: str
) -> None:
    sides = [base.replace(*change).encode() for change in (mine, new)]
    assert len({base.encode(), *sides}) == 3
    assert merge("NOTES", base.encode(), *sides).data is not None, "the lines themselves conflict"
    merged = merge(path, base.encode(), *sides)
    assert merged.data is None
    assert reason in merged.reason


@pytest.mark.parametrize(
    ("path", "base", "mine", "new"),
    [
        ("s/notebook.py", FUNCTION, ("x = 1", "x = 10"), ("return 1", "return 2")),
        ("s/contract.json", CONTRACT, ("Churn", "Loss"), ("true", "false")),
        ("pyproject.toml", "[a]\nx = 1\n\n[b]\ny = 1\n", ("x = 1", "x = 2"), ("y = 1", "y = 2")),
        ("requirements.txt", HASHED, ("# Web", "six==1 \\\n --hash=sha256:d\n# Web"),
         ("2.0.0 \\\n    --hash=sha256:aa", "2.1.0 \\\n    --hash=sha256:ab")),
        ("a.py", "# coding: latin-1\nx = 1\n\ny = 1\n", ("x = 1", "x = 2"), ("y = 1", "y = 2")),
    ],
    ids=["Python", "contract", "TOML", "requirements with hashes", "Python in another encoding"],
)  # fmt: skip
def test_what_parses_when_put_together_is_merged(
    path: str, base: str, mine: tuple[str, str], new: tuple[str, str]
) -> None:
    sides = [base.replace(*change).encode() for change in (mine, new)]
    merged = merge(path, base.encode(), *sides)
    assert merged.data == base.replace(*mine).replace(*new).encode()


def test_bytes_that_are_no_utf8_are_kept() -> None:
    mine = BASE.encode().replace(b"a", b"\xe4")
    assert merge("NOTES", BASE.encode(), mine, BASE.encode() + b"f\n").data == mine + b"f\n"


@pytest.mark.parametrize(
    ("mine", "reason"), [(b"\0model", "no text"), (b"x\n" * 20_001, "too long")], ids=str
)
def test_what_is_no_short_text_is_taken_whole(mine: bytes, reason: str) -> None:
    merged = merge("NOTES", b"a\n", mine, b"b\n")
    assert merged.data is None
    assert reason in merged.reason


@pytest.mark.parametrize(
    ("path", "mergeable"),
    [
        ("README.md", True),
        ("Dockerfile", True),
        ("s/contract.json", True),
        ("openapi.json", True),
        ("s/artifacts/manifest.json", False),
        ("tests/cases/predict.json", False),
        ("notebook.html", False),
        ("s/pages/index.html", True),
    ],
)
def test_records_of_tools_are_not_merged_by_line(path: str, mergeable: bool) -> None:
    assert by_line(path) is mergeable


# Either lines that repeat, and so go together in many ways, or lines that do not.
REPEATING = st.lists(st.sampled_from("abc"), max_size=12)
UNIQUE = st.lists(st.integers(0, 99).map(str), max_size=12, unique=True)
Versions = tuple[list[bytes], list[bytes], list[bytes]]


@st.composite
def edited(draw: st.DrawFn, base: list[str], own: str) -> list[str]:
    """The lines after some are taken away and others added, which begin with ``own``."""
    lines = []
    for number in range(len(base) + 1):
        lines += [f"{own}{number}.{i}" for i in range(draw(st.sampled_from([0, 0, 0, 1, 2])))]
        lines += (
            base[number : number + 1] if draw(st.sampled_from([True, True, True, False])) else []
        )
    return lines


@st.composite
def versions_of(draw: st.DrawFn, bases: st.SearchStrategy[list[str]]) -> Versions:
    """A base, what a person made of it, and what is generated now."""
    base = draw(bases)
    sides = base, draw(edited(base, "mine ")), draw(edited(base, "new "))
    was, mine, new = ([line.encode() + b"\n" for line in lines] for lines in sides)
    return was, mine, new


def own_lines(lines: Iterable[bytes], prefix: bytes) -> list[bytes]:
    return [line for line in lines if line.startswith(prefix)]


@settings(max_examples=300, deadline=None)
@given(versions_of(REPEATING | UNIQUE))
def test_no_line_that_either_side_wrote_is_lost(versions: Versions) -> None:
    base, mine, new = versions
    merged, conflicts = merge_lines(base, mine, new)
    if conflicts:
        assert all(1 <= first <= last <= max(len(mine), 1) for first, last in conflicts)
    else:
        assert own_lines(merged, b"mine ") == own_lines(mine, b"mine ")
        assert own_lines(merged, b"new ") == own_lines(new, b"new ")
        assert set(merged) <= {*mine, *new}


@settings(max_examples=300, deadline=None)
@given(versions_of(UNIQUE))
def test_what_either_side_took_away_is_gone_and_nothing_else(versions: Versions) -> None:
    base, mine, new = versions
    merged, conflicts = merge_lines(base, mine, new)
    if not conflicts:
        kept = [line for line in base if line in mine and line in new]
        assert [line for line in merged if line in base] == kept


@settings(max_examples=200, deadline=None)
@given(versions_of(REPEATING | UNIQUE))
def test_merging_is_the_same_from_both_sides_and_again(versions: Versions) -> None:
    base, mine, new = versions
    assert merge_lines(base, mine, base) == (mine, [])
    assert merge_lines(base, base, new) == (new, [])
    assert merge_lines(base, mine, mine) == (mine, [])
    merged, conflicts = merge_lines(base, mine, new)
    assert bool(conflicts) == bool(merge_lines(base, new, mine)[1])
    if not conflicts:
        assert merge_lines(base, new, mine)[0] == merged
        assert merge_lines(new, merged, new) == (merged, [])  # the second write of a deployment
