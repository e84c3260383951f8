"""What a person can ask for: one Options type, and one list of options for every door."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

import click

from .errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Options:
    """What to build, and what to do with it.

    Attributes:
        entries: names or expressions to serve; none means: find them.
        bind: parameters that are not inputs, to names in the notebook.
        name: service name; None means the notebook's name.
        example: expression whose value is the example input.
        allow: names of the ship list that may travel although they were refused.
        mask: columns or parameters whose example values are made up, not the notebook's.
        skops: whether scikit-learn models are saved with skops instead of pickle.
        output: folder to write; None means ``<name>-service`` beside the notebook.
        port: port of the service; None means the one it had, or any free one.
        plan: only show what would travel; write nothing.
        dry_run: only show what would change in the folder; write nothing.
        wheelhouse: whether the folder gets the wheels of all requirements.
        launch: whether the service goes on running after its proof.
        keep: whether the service outlives the kernel.
        clean: whether to prove it in a clean environment too.
        notebook: path of the notebook's file; None means: find it.
        cells_from: file that holds the executed notebook, where it is not ``notebook`` itself
            (parameters were inserted).
    """

    entries: tuple[str, ...] = ()
    bind: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    example: str | None = None
    allow: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    skops: bool = False
    output: str | None = None
    port: int | None = None
    plan: bool = False
    dry_run: bool = False
    wheelhouse: bool = False
    launch: bool = True
    keep: bool = False
    clean: bool = True
    notebook: str | None = None
    cells_from: str | None = None

    def to_json(self) -> str:
        """The options as text, to hand them to another process."""
        return json.dumps(asdict(self))

    def to_line(self) -> str:
        """The ``%deploy`` line that says the same, for messages with a line to paste."""
        words = [*self.entries, *(["--name", self.name] if self.name else [])]
        words += ["--example", self.example] if self.example else []
        words += [w for item in self.bind.items() for w in ("--bind", "=".join(item))]
        words += [w for column in self.mask for w in ("--mask", column)]
        words += [w for name in self.allow for w in ("--allow", name)]
        words += ["--skops"] if self.skops else []
        words += ["--output", self.output] if self.output else []
        words += ["--wheelhouse"] if self.wheelhouse else []
        return " ".join(["%deploy", *map(quote_word, words)])

    @classmethod
    def from_json(cls, text: str) -> Options:
        """The options that ``to_json`` wrote."""
        raw = json.loads(text)
        lists = {name: tuple(value) for name, value in raw.items() if isinstance(value, list)}
        return cls(**{**raw, **lists})


def _read_bind(
    _ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> dict[str, str]:
    bind = {}
    for item in value:
        parameter, equals, name = item.partition("=")
        if not (parameter.isidentifier() and equals and name):
            raise click.BadParameter(f"{item!r} is not PARAMETER=NAME, as in --bind model=clf")
        bind[parameter] = name
    return bind


_BUILD = (
    click.option("--name", metavar="NAME", help="Service name (default: the notebook's)."),
    click.option("--example", metavar="EXPR", help="Expression whose value is the example input."),
    click.option(
        "--allow",
        metavar="NAME",
        multiple=True,
        help="Let NAME travel although it was refused (see the refusal).",
    ),
    click.option(
        "--mask",
        metavar="COLUMN",
        multiple=True,
        help="Publish made-up example values of COLUMN, not the notebook's.",
    ),
    click.option("--skops", is_flag=True, help="Save scikit-learn models with skops, not pickle."),
    click.option(
        "--wheelhouse", is_flag=True, help="Put the wheels of all requirements into the folder."
    ),
    click.option(
        "--dry-run", is_flag=True, help="Show what would change in the folder; write nothing."
    ),
    click.option("-o", "--output", metavar="DIR", help="Folder to write (default: NAME-service)."),
    click.option(
        "--bind",
        metavar="PARAMETER=NAME",
        multiple=True,
        callback=_read_bind,
        help="A parameter that is not an input, and the notebook's value for it.",
    ),
)


def build_options(command: F) -> F:
    """Adds the options that say what to build."""
    for option in reversed(_BUILD):
        command = option(command)
    return command


def port_option(command: F) -> F:
    """Adds ``--port``."""
    option = click.option(
        "--port",
        type=click.IntRange(1, 65535),
        help="Port (default: the one it had, or a free one).",
    )
    return option(command)


def only_options(values: dict[str, Any]) -> Options:
    """Options from a click command's parameters; those that are not options are passed over."""
    known = {member.name for member in fields(Options)}
    return Options(**{key: value for key, value in values.items() if key in known})


def split_line(line: str) -> list[str]:
    """The words of a magic's line; an expression such as ``models["my model"]`` is one word.

    Quotes around a whole word are taken off, quotes inside one are kept. A ``#`` at the start of
    a word begins a comment, so that a line of a question can be pasted as it is.

    Raises:
        UsageError: a quote or bracket is never closed.
    """
    words: list[str] = []
    word, quote, depth = "", "", 0
    for char in line:
        if not quote and not depth and char.isspace():
            if word:
                words.append(word)
            word = ""
            continue
        if char == "#" and not word:
            break
        word += char
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
    if quote or depth > 0:
        raise UsageError(f"{word!r} is not closed", "close the quote or bracket")
    return [_unquote(w) for w in [*words, word] if w]


def quote_word(word: str) -> str:
    """A word as it is written in a magic's line: in quotes where ``split_line`` needs them."""
    for written in (word, f'"{word}"', f"'{word}'"):
        try:
            if split_line(written) == [word]:
                return written
        except UsageError:
            continue
    return word


def _unquote(word: str) -> str:
    whole = len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"
    return word[1:-1] if whole and word[0] not in word[1:-1] else word
