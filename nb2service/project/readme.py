"""The README: what an ops person needs in order to run the service, with real requests."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ..capture.model import Capture
from ..runtime.codec.wire import from_rows
from ..runtime.contract import Entry, Field
from ..runtime.problems import Violations
from ..runtime.settings import SETTINGS
from . import quoting
from .fields import describe_input, describe_output
from .folder import describe_folder
from .model_card import known_limits, show_models
from .packaging import source_of
from .requirements import python_minor, without_hashes
from .templates import fill

NOT_PROVEN = "Not proven yet."

# A request that fills more than a screen is no example.
_LONGEST_BODY = 3000
_LINE = 100
_URL = "http://127.0.0.1:8080"
_SECTION = re.compile(rb"(<!-- proof -->(\r?\n)).*?(\r?\n<!-- /proof -->)", re.DOTALL)


def with_proof(readme: bytes, proof_markdown: str) -> bytes:
    """The README with its proof section replaced; unchanged if its markers are gone.

    Args:
        readme: a README as ``render_readme`` wrote it, edited or not, in whatever encoding.
        proof_markdown: what stands between the markers from now on.
    """
    # A marker within the proof would end the section early next time.
    inner = proof_markdown.strip().replace("<!--", "&lt;!--").encode()
    return _SECTION.sub(
        lambda match: match[1] + inner.replace(b"\n", match[2]) + match[3], readme, count=1
    )


def render_readme(capture: Capture, settled: bool = True) -> str:
    """``README.md``, its proof section not filled in yet.

    Args:
        capture: everything that the entries need.
        settled: whether the folder has the files that take a while to make, too.
    """
    contract = capture.contract
    first = contract.entries[0]
    return fill(
        "README.md.j2",
        title=contract.title or capture.provenance.title or capture.name,
        setup=contract.setup,
        purpose=contract.description or capture.provenance.purpose,
        source=source_of(capture.provenance),
        image=f"{capture.name}-service",
        package=capture.package,
        python=python_minor(capture.provenance),
        endpoints=_endpoints(capture),
        scored="" if "predict" in contract.routes() else first.name,
        whole=", ".join(
            quoting.markdown_code(entry.name)
            for entry in contract.entries
            if not (entry.row_wise and entry.aligned)
        ),
        error=_error(first, capture.cases[first.name]),
        settings=SETTINGS,
        artifacts=[item for item in capture.artifacts if item.format in ("mapped", "pickle")],
        models=show_models(capture),
        metrics=capture.metrics,
        limits=known_limits(capture),
        ship_list=capture.ship_list,
        folder=describe_folder(capture, settled),
        no_hashes=without_hashes(capture),
        provenance=capture.provenance,
        has_notebook_tests=bool(capture.tests),
        not_proven=NOT_PROVEN,
    )


@dataclass(frozen=True)
class Endpoint:
    """One entry as the README shows it.

    Attributes:
        name: the entry's.
        routes: its paths, the chief one first.
        summary, doc: what it does: in one line, and in full.
        request: shell text of a request.
        answer: the JSON that the request gets.
        python: a program that sends the same request.
        input, fields, output: what it takes and gives, in words and as a table (none where
            an earlier entry has it).
        notes: what a caller must know.
    """

    name: str
    routes: tuple[str, ...]
    summary: str
    doc: str
    request: str
    answer: str
    python: str
    input: str
    fields: tuple[tuple[str, ...], ...]
    output: str
    notes: tuple[str, ...]


def _endpoints(capture: Capture) -> list[Endpoint]:
    """Every entry; the table of fields only at the first of those that take the same rows."""
    firsts: list[Entry] = []
    made = []
    for entry in capture.contract.entries:
        same = next((first for first in firsts if first.input == entry.input), None)
        firsts += [] if same else [entry]
        made.append(_endpoint(capture, entry, same))
    return made


def _endpoint(capture: Capture, entry: Entry, same: Entry | None) -> Endpoint:
    routes = capture.contract.routes()
    case = capture.cases[entry.name]
    request, answer = _example(entry, case)
    sentence, fields = describe_input(entry.input)
    if same:
        route = quoting.markdown_code(f"POST /{same.name}")
        sentence, fields = f"Takes the same rows as {route}.", ()
    return Endpoint(
        name=entry.name,
        routes=tuple(f"/{name}" for name, other in routes.items() if other is entry),
        summary=entry.doc.strip().split("\n")[0] or f"what {entry.call} answers",
        doc=entry.doc,
        request=request,
        answer=answer,
        python=_python(entry, case),
        input=sentence,
        fields=fields,
        output=describe_output(entry),
        notes=tuple(_notes(entry)),
    )


def _example(entry: Entry, case: dict[str, Any]) -> tuple[str, str]:
    """A real request, as a shell command, and its real answer."""
    alone, instances = _shown_rows(entry, case)
    rows = case.get("rows") or case["batch"]
    predictions = rows[:1] if alone else case["batch"]
    body = _json({"instances": instances})
    if len(body) > _LONGEST_BODY:
        few = "[:1]" if alone else ""
        script = (
            f"import json; case = json.load(open('tests/cases/{entry.name}.json')); "
            f"print(json.dumps({{'instances': case['instances']{few}}}))"
        )
        request = f"python -c {quoting.shell(script)} \\\n  | {_curl(entry)} -d @-"
    else:
        request = f"{_curl(entry)} \\\n  -d {quoting.shell(body)}"
    return request, _shown({"predictions": predictions})


def _shown_rows(entry: Entry, case: dict[str, Any]) -> tuple[bool, list[Any]]:
    """Whether one row shows it all, and the rows of the request that is shown."""
    alone = entry.row_wise and entry.aligned
    return alone, case["instances"][:1] if alone else case["instances"]


def _python(entry: Entry, case: dict[str, Any]) -> str:
    """The request of ``_example`` as a Python program."""
    alone, instances = _shown_rows(entry, case)
    imports, rows = ["import requests"], quoting.python(instances)
    if len(_json({"instances": instances})) > _LONGEST_BODY:
        imports = ["import json", "from pathlib import Path", "", *imports]
        imports += [
            "",
            f'case = json.loads(Path("tests/cases/{entry.name}.json").read_text("utf-8"))',
        ]
        rows = f'case["instances"]{"[:1]" if alone else ""}'
    lines = [
        *(imports if "case = " in imports[-1] else [*imports, ""]),
        f"rows = {rows}",
        f'answer = requests.post("{_URL}/{entry.name}", json={{"instances": rows}}, timeout=60)',
        "answer.raise_for_status()",
        'print(answer.json()["predictions"])',
    ]
    return "\n".join(lines)


def _error(entry: Entry, case: dict[str, Any]) -> tuple[str, str] | None:
    """A request that the service refuses, and its answer; None if it takes whatever comes."""
    row = case["instances"][0]
    wrong = {**row, "no_such_field": 1} if isinstance(row, dict) else {"no_such_field": 1}
    body = _json({"instances": [wrong]})
    if len(body) > _LONGEST_BODY:
        return None
    try:
        from_rows([wrong], entry.input)
    except Violations as violations:
        request = f"{_curl(entry)} \\\n  -d {quoting.shell(body)}"
        return request, _shown(json.loads(violations.to_json()))
    return None


def _curl(entry: Entry) -> str:
    return f"curl -s {_URL}/{entry.name} -H 'Content-Type: application/json'"


def _upload(entry: Entry) -> str:
    """The shell command that uploads what an entry takes; "" if that is no file."""
    if not entry.input.takes_files:
        return ""
    parts = [_part(field) for field in entry.input.fields if field.required]
    url = f"{_URL}/{entry.name}"
    return " ".join(["curl -s", url, *(f"-F {part}" for part in parts)])


def _part(field: Field) -> str:
    name = field.name or "file"
    if not field.is_file:
        value = field.example if isinstance(field.example, str) else _json(field.example)
        return quoting.shell(f"{name}={value}")
    ending = ".npy" if field.type == "list" else field.label
    return quoting.shell(f"{name}=@{name}{ending or ('.png' if field.python == 'image' else '')}")


def _notes(entry: Entry) -> list[str]:
    notes = [f"Files can be sent as they are: {upload}"] if (upload := _upload(entry)) else []
    if not entry.aligned:
        notes.append("All rows of a request get one answer together.")
    elif not entry.row_wise:
        notes.append("A row's answer depends on the other rows of the same request.")
    if not entry.repeats:
        notes.append("The same request does not always get the same answer.")
    return notes


def _shown(answer: Any) -> str:
    """An answer, laid out if it is longer than a line, and cut if it is longer than a screen."""
    line = _json(answer)
    if len(line) > _LONGEST_BODY:
        return line[:_LONGEST_BODY] + "…"
    return line if len(line) <= _LINE else json.dumps(answer, ensure_ascii=False, indent=2)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
