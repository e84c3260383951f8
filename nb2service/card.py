"""What a person sees of a plan and of a deployment: an HTML card and its plain-text twin."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import jinja2
from IPython import get_ipython
from IPython.display import display

from . import preview_card
from .capture.model import ShipItem
from .deployment import Deployment, DryRun, Plan
from .errors import Nb2ServiceError
from .launch import MIME
from .launch.services import Service
from .preview_card import byte_size
from .runtime.contract import Entry

_LONG_BODY = 1000  # characters


def to_json(done: Plan | DryRun | Deployment) -> dict[str, Any]:
    """What was done, or would be, as every door hands it on (the ``--json`` document)."""
    plan = done if isinstance(done, Plan) else done.plan
    capture = plan.capture
    document: dict[str, Any] = {
        "name": capture.name,
        "package": capture.package,
        "folder": str(plan.folder),
        "entries": [
            {"name": entry.name, "takes": _takes(entry), "answers": _answers(entry)}
            for entry in capture.contract.entries
        ],
        "ship_list": [{**vars(item), "why": list(item.why)} for item in capture.ship_list],
        "refusals": [refusal.to_json() for refusal in capture.refusals],
        "warnings": [str(warning) for warning in capture.warnings],
        "requirements": {pin.name: pin.version for pin in capture.requirements},
        "seconds": {phase: round(spent, 3) for phase, spent in plan.seconds.items()},
    }
    if isinstance(done, DryRun):
        document |= preview_card.document(done)
    if isinstance(done, Deployment):
        document |= {
            "python": done.python,
            "files": [outcome.to_json() for outcome in done.files.outcomes],
            "proof": done.proof.to_json(),
            "service": done.service.to_json() if done.service else None,
            "curl": curl(done),
        }
    return document


def curl(done: Deployment) -> str:
    """A command that asks the first entry for its first recorded answer.

    A row too long to be read is sent from the file that records it.
    """
    entry = done.plan.capture.contract.entries[0]
    rows = done.plan.capture.cases[entry.name]["instances"][:1]
    body = json.dumps({"instances": rows}, ensure_ascii=False)
    if len(body) > _LONG_BODY:
        body = f"@{done.plan.folder / 'tests' / 'cases' / entry.name}.json"
    url = url_of(done.service) if done.service else "http://127.0.0.1:8080"
    return (
        f"curl -s {url}/{entry.name} -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )


def url_of(service: Service) -> str:
    """The URL that opens from where the person sits.

    Behind a hub the kernel's loopback is not the person's: jupyter-server-proxy's path is then
    the way in.
    """
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    if prefix and importlib.util.find_spec("jupyter_server_proxy"):
        return f"{prefix.rstrip('/')}/proxy/{service.port}"
    return service.url


def html(done: Plan | DryRun | Deployment, pending: str = "") -> str:
    """The card. ``pending`` says what is still going on, or why it could not be done."""
    if isinstance(done, DryRun):
        return _template("preview.html").render(**preview_card.view(done))
    return _template("card.html").render(**_view(done, pending))


def text(done: Plan | DryRun | Deployment, pending: str = "") -> str:
    """The card's plain-text twin."""
    if isinstance(done, DryRun):
        return preview_card.text(done)
    view = _view(done, pending)
    lines = [f"{view['title']}: {view['headline']}  {view['url']}".rstrip()]
    lines += [f"  {line['mark']} {line['text']}" for line in view["lines"]]
    lines += ["", *(f"  POST /{e['name']}  {e['takes']} → {e['answers']}" for e in view["entries"])]
    lines += ["", *(f"  {line}" for line in view["curl"].split("\n"))] if view["curl"] else []
    lines += ["", "  What travels:"]
    widths = {key: max((len(i[key]) for i in view["ship_list"]), default=0) for key in _PADDED}
    lines += [
        "    {0:<{name}}  {1:<{kind}} {cell:>5} {size:>9}  {why}".format(
            item["name"], item["kind"], **{**item, **widths}
        )
        for item in view["ship_list"]
    ]
    lines += ["", *(f"  {label:<7} {value}" for label, value in view["facts"])]
    return "\n".join(lines)


_PADDED = ("name", "kind")  # columns of text in the ship list, as wide as their widest item


def services_text(services: Sequence[Service]) -> str:
    """The running services, a line each."""
    if not services:
        return "No service is running."
    rows = [
        (
            s.name,
            s.state,
            s.url,
            "kept" if s.owner is None else f"dies with process {s.owner}",
            s.project,
        )
        for s in services
    ]
    return "\n".join(
        f"{n:<20} {state:<8} {url:<24} {life:<26} {p}" for n, state, url, life, p in rows
    )


class Shown:
    """The one output of a ``%deploy``: its phases, then the card, brought up to date in place.

    A terminal cannot bring anything up to date: there it is lines that follow each other.
    """

    def __init__(self) -> None:
        self._in_place = hasattr(get_ipython(), "kernel")
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def phase(self, name: str) -> None:
        """Shows which phase has begun."""
        self._update({"text/plain": f"{name} …"})

    def clear(self) -> None:
        """Shows nothing: no phase is under way any more."""
        if self._in_place:
            self._update({"text/plain": ""})

    def show(self, done: Plan | DryRun | Deployment, pending: str = "") -> None:
        """Shows the card."""
        self._update(
            {
                MIME: {**to_json(done), "pending": pending},
                "text/html": html(done, pending),
                "text/plain": text(done, pending),
            }
        )

    def follow(self, done: Deployment, finish: Callable[[Deployment], Deployment]) -> None:
        """Shows the card now; runs ``finish`` in the background and then shows its result."""
        self.show(done, "Clean environment: proof under way …")

        def run() -> None:
            try:
                finished = finish(done)
            except Nb2ServiceError as error:
                self._finish(done, f"Clean environment: {error}")
            except Exception as error:
                self._finish(done, f"Clean environment: the proof broke off: {error!r}")
                raise  # a bug of ours, to be seen with its traceback
            else:
                self._finish(finished)

        threading.Thread(target=run, name="nb2service-proof", daemon=True).start()

    def _finish(self, done: Deployment, pending: str = "") -> None:
        if self._in_place:
            self.show(done, pending)
        else:
            print(f"\n{done.plan.capture.name}: {pending or done.proof.runs[-1].summary}")

    def _update(self, bundle: dict[str, Any]) -> None:
        if self._handle is not None:
            self._handle.update(bundle, raw=True)


def _view(done: Plan | Deployment, pending: str) -> dict[str, Any]:
    """What both forms of the card show, as plain text."""
    deployed = done if isinstance(done, Deployment) else None
    plan = done if isinstance(done, Plan) else done.plan
    capture = plan.capture
    service = deployed.service if deployed else None
    verdict = deployed.proof.verdict if deployed else "plan"
    return {
        "title": capture.name,
        "verdict": verdict,
        "headline": _headline(verdict, len(capture.refusals)),
        "url": url_of(service) if service else "",
        "lines": _lines(plan, deployed, pending),
        "entries": [
            {"name": entry.name, "takes": _takes(entry), "answers": _answers(entry)}
            for entry in capture.contract.entries
        ],
        "curl": curl(deployed) if deployed else "",
        "ship_list": [
            {
                "name": item.name,
                "kind": _kind(item),
                "cell": f"[{item.cell}]" if item.cell is not None else "",
                "size": _size(item.size),
                "why": " → ".join(item.why),
            }
            for item in capture.ship_list
        ],
        "facts": _facts(plan, service),
    }


def _kind(item: ShipItem) -> str:
    """What it is, of which type, what the guard says to it, and how it is saved."""
    words = f"{item.kind} {item.type}".strip()
    words += f", {item.verdict}" if item.verdict else ""
    return f"{words} ({item.saved})" if item.saved else words


def _headline(verdict: str, refused: int) -> str:
    if refused:
        return f"plan: {refused} of what would travel {'is' if refused == 1 else 'are'} refused"
    return _HEADLINES[verdict]


_HEADLINES = {
    "equal": "answers equal the notebook's",
    "different": "answers differ from the notebook's",
    "not comparable": "answers do not repeat",
    "plan": "plan: nothing is written yet",
}
_MARKS = {"equal": "✓", "different": "✗", "not comparable": "?"}


def _lines(plan: Plan, deployed: Deployment | None, pending: str) -> list[dict[str, str]]:
    """What was proven, what is still going on, what to know."""
    lines = []
    for run in deployed.proof.runs if deployed else ():
        lines.append({"role": run.verdict, "mark": _MARKS[run.verdict], "text": run.summary})
    if pending:
        lines.append({"role": "pending", "mark": "…", "text": pending})
    for refusal in plan.capture.refusals:
        lines.append({"role": "different", "mark": "✗", "text": refusal.with_mends()})
    notes = [str(warning) for warning in plan.capture.warnings]
    notes += [str(outcome) for outcome in deployed.files.edited] if deployed else []
    return lines + [{"role": "warning", "mark": "!", "text": note} for note in notes]


def _facts(plan: Plan, service: Service | None) -> list[tuple[str, str]]:
    spent = " · ".join(f"{phase} {seconds:.2f} s" for phase, seconds in plan.seconds.items())
    facts = [("folder", str(plan.folder)), ("time", spent)]
    if service:
        name = service.name
        facts += [("logs", f"%deploy --logs {name}"), ("stop", f"%deploy --stop {name}")]
    return facts


def _takes(entry: Entry) -> str:
    taken = entry.input
    names = [field.name or field.type for field in taken.fields]
    shown = _first(names)
    if taken.kind == "array":
        return f"{_times(taken.shape)} {taken.fields[0].dtype}".strip()
    return f"({shown})" if taken.kind == "arguments" else shown


def _answers(entry: Entry) -> str:
    given = entry.output
    if not entry.aligned:
        return f"one {given.fields[0].type} for all rows together"
    kinds = _first([field.type for field in given.fields])
    names = f" ({', '.join(str(name) for name in given.names)})" if given.shape else ""
    return f"{_times(given.shape)} {kinds}{names if given.names else ''}".strip()


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f", … ({len(names)} in all)" if len(names) > 6 else "")


def _times(shape: tuple[int, ...]) -> str:
    return "".join(f"{length} × " for length in shape).rstrip()


def _size(count: int) -> str:
    return byte_size(count) if count else ""  # none: an entry that is a method of an artifact


@cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nb2service", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
