"""Command line: ``serve`` runs the service, ``predict`` scores a file, ``key`` makes API keys."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from .settings import StartError, read_settings

_PREDICT = """\
Scores the rows of a file as the service would score them, without the service: the same checks,
the same answers. The file may be of any size; it is read a piece at a time. If a row breaks the
contract, no file is written (what went to standard output until then has gone there).

Formats: csv, jsonl (ndjson), parquet, arrow, json; npy to read. csv.gz and jsonl.gz are read and
written too.

  %(prog)s rows.csv -o out.csv
  %(prog)s rows.parquet --with-input -o out.parquet
  psql -c "copy (select ...) to stdout csv header" | %(prog)s - --from csv > out.csv
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 (refused, with one line why) or 2 (wrong usage)."""
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown and options.command == "predict":
        options.usage(f"unrecognized arguments: {' '.join(unknown)}")
    if unknown:
        # Platforms append words of their own to a container's command.
        print(f"Warning: ignored: {' '.join(unknown)}", file=sys.stderr)
    try:
        if options.version:
            print(_version())
        elif options.command == "predict":
            return _predict(options)
        elif options.command == "serve":
            _serve(options)
        elif options.command == "key":
            _make_key(options.name)
        else:
            parser.print_help()
            return 2
    except StartError as error:
        return _refuse(str(error))
    except ModuleNotFoundError as error:
        return _refuse(f"{error}; install what requirements.txt lists")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_program(), description=__doc__)
    parser.add_argument("--version", action="store_true", help="show name and version")
    commands = parser.add_subparsers(dest="command")
    serve = commands.add_parser("serve", help="run the service")
    serve.add_argument("--host", help="address to listen on")
    serve.add_argument("--port", type=int, help="port to listen on")
    serve.add_argument("--workers", type=int, help="worker processes")
    serve.add_argument(
        "--fd",
        type=int,
        action="append",
        default=[],
        metavar="N",
        help="descriptor of a socket that already listens, instead of host and port",
    )
    key = commands.add_parser("key", help="make an API key: key new NAME")
    key.add_argument("action", choices=["new"])
    key.add_argument("name", help="of its holder, as log and metrics have it")
    as_written = argparse.RawDescriptionHelpFormatter
    _add_predict(
        commands.add_parser(
            "predict", help="score a file", description=_PREDICT, formatter_class=as_written
        )
    )
    return parser


def _add_predict(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", type=Path, help="the rows; - for standard input")
    add("-o", "--output", type=Path, default=Path("-"), help="default: standard output")
    add("--entry", help="default: predict")
    add("--from", dest="from_", metavar="FORMAT", help="what FILE holds; default: as it is named")
    add("--to", metavar="FORMAT", help="default: as OUTPUT is named, or that of the input")
    add(
        "--with-input",
        action="store_true",
        help="write the input's columns before the predictions; columns that the entry does not "
        "take, an id say, are kept too, and it does not see them",
    )
    parser.set_defaults(usage=parser.error)
    add("--batch", type=int, default=10_000, help="rows of one call (default: %(default)s)")


def _program() -> str:
    name = Path(sys.argv[0]).name
    return f"python -m {__package__}" if name == "__main__.py" else name


def _serve(options: argparse.Namespace) -> None:
    from .server.serve import serve

    given = {name: getattr(options, name) for name in ("host", "port", "workers")}
    settings = replace(read_settings(), **{k: v for k, v in given.items() if v is not None})
    serve(settings, tuple(options.fd))


def _make_key(name: str) -> None:
    from .access.keys import new_entry

    key, entry = new_entry(name)
    print("For the caller; it is shown this once and stored nowhere:", file=sys.stderr)
    print(key)
    print("For API_KEYS, or a line of the file that API_KEYS_FILE names:", file=sys.stderr)
    print(entry)


def _predict(options: argparse.Namespace) -> int:
    from .offline.command import UsageError, predict

    try:
        predict(options)
    except UsageError as error:
        options.usage(str(error))
    except KeyboardInterrupt:
        print("Stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads the predictions has seen enough
        return 1
    return 0


def _version() -> str:
    from .service import read_contract

    contract = read_contract()
    return f"{contract.name} {contract.metadata.get('version', '1.0.0')}"


def _refuse(message: str) -> int:
    print(f"Error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
