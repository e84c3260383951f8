"""The command ``predict``: which file, which entry, where to."""

from __future__ import annotations

import gzip
import io
import os
import signal
import stat
import sys
from argparse import Namespace
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..answers import NotebookCodeError
from ..codec.tabular import has_pyarrow
from ..contract import Contract, Entry
from ..problems import Problem
from ..service import read_contract
from ..settings import StartError
from .pieces import FORMATS
from .results import RESULTS
from .scoring import Scoring

STANDARD = Path("-")
_SPELLINGS = {"ndjson": "jsonl"}


class UsageError(Exception):
    """The command cannot be meant so; the message says why."""


class PredictError(StartError):
    """The file cannot be scored; the message says why."""


def predict(options: Namespace) -> None:
    """Score ``options.file``.

    Raises:
        UsageError: an entry or a format that there is not.
        PredictError: the file or the notebook's code is at fault. No file was written.
        BrokenPipeError: whoever reads the predictions has seen enough.
    """
    entry = _entry(options.entry, read_contract())
    source, target = options.file, options.output
    if options.with_input and not entry.aligned:
        raise UsageError(f"--with-input: {entry.name!r} has no prediction for each row")
    if options.batch < 1:
        raise UsageError(f"--batch must be at least 1, not {options.batch}")
    read_as = _format(source, "--from", options.from_, FORMATS)
    usual = read_as if read_as in RESULTS else "csv"
    as_input = target == STANDARD and not options.to
    write_as = usual if as_input else _format(target, "--to", options.to, RESULTS)
    if {read_as, write_as} & {"arrow", "parquet"} and not has_pyarrow():
        raise PredictError("Arrow and Parquet need pyarrow: pip install pyarrow; or use CSV")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            file = stack.enter_context(_opened(source))
            out = stack.enter_context(_written(target))
            share = _share_read(file)
            scoring = Scoring(entry, options.batch, options.with_input)
            show = stack.enter_context(_progress(share))
            scoring.run(
                _unpacked(file, source), read_as, RESULTS[write_as](out, entry.output), show
            )
    except BrokenPipeError:
        raise
    except (Problem, NotebookCodeError) as error:
        raise PredictError(f"{source}: {scoring.reason(error)}") from error
    except OSError as error:
        raise PredictError(f"{error.filename or target}: {error.strerror or error}") from None
    place = "standard output" if target == STANDARD else target
    print(f"{scoring.rows} rows → {place}", file=sys.stderr)


def _entry(name: str | None, contract: Contract) -> Entry:
    routes = contract.routes()
    if name is None and "predict" not in routes:
        raise UsageError(f"say which with --entry: {', '.join(routes)}")
    if (name or "predict") not in routes:
        raise UsageError(f"--entry must be one of {', '.join(routes)}")
    return routes[name or "predict"]


def _format(path: Path, option: str, given: str | None, known: Collection[str]) -> str:
    """The format that the option says, or that a file's name ends in (``.gz`` aside)."""
    if path == STANDARD and given is None:
        raise UsageError(f"say with {option} what standard input holds: {', '.join(known)}")
    ending = Path(path.name.lower().removesuffix(".gz")).suffix[1:] if given is None else given
    name = _SPELLINGS.get(ending, ending)
    if name not in known:
        what = f"{path} does not end in a format" if given is None else f"{given!r} is none"
        raise UsageError(f"{what}; say with {option} which: {', '.join(known)}")
    return name


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if path == STANDARD:
        yield sys.stdin.buffer
        return
    with path.open("rb") as file:
        yield file


def _unpacked(file: BinaryIO, path: Path) -> BinaryIO:
    packed = path.name.lower().endswith(".gz")
    return cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=file))) if packed else file


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """A file that bears its name only when all of it is there."""
    if path == STANDARD:
        with _standard_output() as file:
            yield file
        return
    # Loading the notebook changes the working directory.
    path = path.resolve()
    if path.exists() and not path.is_file():  # a device, or a pipe with a name
        with path.open("wb") as file:
            yield file
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with _open_anew(part, path) as file, _packed(file, path) as out:
            yield out
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _open_anew(part: Path, path: Path) -> BinaryIO:
    try:
        return part.open("wb")
    except OSError as error:
        raise PredictError(f"{path}: {error.strerror}") from None


def _packed(file: BinaryIO, path: Path) -> AbstractContextManager[Any]:
    packed = path.name.lower().endswith(".gz")
    return gzip.GzipFile(path.stem, "wb", 6, file, 0) if packed else nullcontext(file)


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    """Standard output for the predictions alone: what the notebook's code prints goes to stderr."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(own, "wb", closefd=False) as file:
            yield file
    finally:
        sys.stdout.flush()
        os.dup2(own, 1)
        os.close(own)


def _share_read(file: BinaryIO) -> Callable[[], float] | None:
    """What tells how much of a file is read; None where its end is not known."""
    about = os.fstat(file.fileno())
    if not (stat.S_ISREG(about.st_mode) and about.st_size):
        return None
    return lambda: file.tell() / about.st_size


@contextmanager
def _progress(share: Callable[[], float] | None) -> Iterator[Callable[[float | None, int], None]]:
    """Shows what is done, and how many rows that are; nothing where stderr is no terminal."""
    if share is None or not sys.stderr.isatty():
        yield lambda done, rows: None
        return
    import click

    def show(rows: int | None) -> str:
        return f"{rows or 0:,} rows"

    with click.progressbar(length=1000, item_show_func=show, file=sys.stderr) as bar:
        yield lambda done, rows: bar.update(
            int(1000 * (share() if done is None else done)) - bar.pos, rows
        )
