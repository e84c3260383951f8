"""Command line: ``serve`` runs the service, ``predict`` scores a file."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from .contract import Contract
from .problems import Problem, Violations
from .settings import StartError, read_settings

_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".arrow": "application/vnd.apache.arrow.stream",
    ".parquet": "application/vnd.apache.parquet",
    ".npy": "application/x-npy",
}
_OUT_TYPES = {name: _TYPES[name] for name in (".csv", ".json", ".jsonl", ".ndjson", ".arrow")}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 (refused, with one line why) or 2 (wrong usage)."""
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        # Platforms append words of their own to a container's command.
        print(f"Warning: ignored: {' '.join(unknown)}", file=sys.stderr)
    try:
        if options.version:
            print(_version())
        elif options.command == "predict":
            return _predict(options.file, options.output, options.entry)
        elif options.command == "serve":
            _serve(options)
        else:
            parser.print_help()
            return 2
    except StartError as error:
        return _refuse(str(error))
    except ModuleNotFoundError as error:
        return _refuse(f"{error}; install what requirements.txt lists")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=__package__, description=__doc__)
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
    predict = commands.add_parser("predict", help="score a file")
    predict.add_argument("file", type=Path, help=f"rows: {', '.join(_TYPES)}")
    predict.add_argument(
        "-o", "--output", type=Path, required=True, help=f"predictions: {', '.join(_OUT_TYPES)}"
    )
    predict.add_argument("--entry", help="which entry, if there are several")
    return parser


def _serve(options: argparse.Namespace) -> None:
    from .server.serve import serve

    given = {name: getattr(options, name) for name in ("host", "port", "workers")}
    settings = replace(read_settings(), **{k: v for k, v in given.items() if v is not None})
    serve(settings, tuple(options.fd))


def _version() -> str:
    from .service import read_contract

    contract = read_contract()
    return f"{contract.name} {contract.metadata.get('version', '1.0.0')}"


def _predict(file: Path, output: Path, name: str | None) -> int:
    """Score a file through the same path as a request."""
    for path, types in ((file, _TYPES), (output, _OUT_TYPES)):
        if path.suffix.lower() not in types:
            return _refuse(f"{path}: the ending must be one of {', '.join(types)}")
    # Loading the notebook changes the working directory.
    file, output = file.absolute(), output.absolute()
    try:
        body = file.read_bytes()
    except OSError as error:
        return _refuse(f"{file}: {error.strerror}")
    from .answers import NotebookCodeError
    from .service import Service, read_contract

    route = _route(read_contract(), name)
    endpoint = Service(replace(read_settings(), max_batch=sys.maxsize)).endpoints[route]
    try:
        answer = endpoint.answer(
            body, _TYPES[file.suffix.lower()], _OUT_TYPES[output.suffix.lower()]
        )
    except Violations as problem:
        for breach in problem.errors:
            where = f"row {breach.row}" + (f", {breach.field}" if breach.field else "")
            print(f"{where}: {breach.message}", file=sys.stderr)
        return _refuse(f"{file}: the rows break the contract, nothing was written")
    except Problem as problem:
        return _refuse(f"{file}: {problem}")
    except NotebookCodeError as error:
        cause = error.__cause__
        return _refuse(f"the notebook's code failed: {type(cause).__name__}: {cause}")
    try:
        output.write_bytes(answer.body)
    except OSError as error:
        return _refuse(f"{output}: {error.strerror}")
    print(f"{answer.rows} rows → {output}", file=sys.stderr)
    return 0


def _route(contract: Contract, name: str | None) -> str:
    routes = contract.routes()
    if name is None and len(contract.entries) == 1:
        return contract.entries[0].name
    if name not in routes:
        raise SystemExit(f"Error: --entry must be one of {', '.join(routes)}")
    return name


def _refuse(message: str) -> int:
    print(f"Error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
