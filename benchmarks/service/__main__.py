"""Runs the benchmark, wholly or in parts, and writes its results."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from .load import require_wrk
from .report import write_report
from .scaling import scaling
from .sections import IN_PROCESS, KNOWN, MODELS, SECTIONS, Bench, say
from .store import Store

BENCHMARKS = Path(__file__).parents[1]
ALL_SECTIONS = {**SECTIONS, "scaling": scaling}
ALL_SERVERS = (IN_PROCESS, *KNOWN)


def main() -> None:
    """See ``--help``."""
    options = _options()
    require_wrk()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # servers are ended on the way
    options.work.mkdir(parents=True, exist_ok=True)
    (options.work / ".gitignore").write_text("*\n")
    if options.fresh:
        (options.work / "results.json").unlink(missing_ok=True)
    store = Store(options.work / "results.json", time.strftime("%Y-%m-%d %H:%M:%S"))
    bench = Bench(
        work=options.work.absolute(),
        store=store,
        servers=options.only,
        models=options.models,
        rounds=1 if options.quick else options.rounds,
        seconds=2 if options.quick else options.seconds,
        quick=options.quick,
    )
    for name in () if options.report else options.section:
        ALL_SECTIONS[name](bench)
    say(f"written: {write_report(store, options.results)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service", description=__doc__)
    add = parser.add_argument
    add(
        "--only",
        type=_among(ALL_SERVERS),
        default=ALL_SERVERS,
        metavar="SERVER,…",
        help=f"of {', '.join(ALL_SERVERS)}",
    )
    add(
        "--section",
        type=_among(tuple(ALL_SECTIONS)),
        default=tuple(ALL_SECTIONS),
        metavar="SECTION,…",
        help=f"of {', '.join(ALL_SECTIONS)}",
    )
    add(
        "--models",
        type=_among(MODELS),
        default=MODELS,
        metavar="MODEL,…",
        help=f"of {', '.join(MODELS)}",
    )
    add("--rounds", type=int, default=3, help="repeats of each measurement (default 3)")
    add("--seconds", type=int, default=3, help="length of each load (default 3)")
    add("--quick", action="store_true", help="one round, 2 seconds, short curves")
    add("--fresh", action="store_true", help="forget what earlier runs measured")
    add("--report", action="store_true", help="measure nothing; write the results anew")
    add(
        "--work",
        type=Path,
        default=BENCHMARKS / ".work",
        help="environments, models, logs, records (default benchmarks/.work)",
    )
    add(
        "--results",
        type=Path,
        default=BENCHMARKS,
        help="folder for RESULTS.md and its plots (default benchmarks)",
    )
    return parser.parse_args()


def _among(known: tuple[str, ...]):
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"{unknown.pop()} is none of {', '.join(known)}")
        return names

    return parse


if __name__ == "__main__":
    main()
