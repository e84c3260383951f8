"""The five-minute tour: a shipped notebook becomes a service that answers before your eyes."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path

from .build import Progress, Run, build
from .foreground import follow, serving_project
from .options import Options

# In a wheel the examples lie inside the package, in a clone beside it.
_PLACES = (Path(__file__).parent, Path(__file__).parents[1])
EXAMPLES = "example_notebooks"
NOTEBOOK = "churn.ipynb"


def demo(
    folder: Path, once: bool, port: int | None, progress: Progress, say: Callable[[str], None]
) -> None:
    """Builds the shipped notebook, serves it, asks it one thing, and serves on until Ctrl-C.

    Args:
        folder: where the notebook is copied to and the project is written.
        once: stop after the answer.
        port: the port to serve on; None for a free one.
        progress: shows the build.
        say: prints a line.
    """
    examples = next(place / EXAMPLES for place in _PLACES if (place / EXAMPLES).is_dir())
    shutil.copytree(examples, folder, dirs_exist_ok=True)
    built = build(
        folder / NOTEBOOK, Options(name="churn", launch=False, clean=False), Run(), progress
    )
    project = Path(built.document["folder"])
    entry = built.document["entries"][0]["name"]
    case = json.loads((project / f"tests/cases/{entry}.json").read_text(encoding="utf-8"))
    with serving_project(project, built.document["python"], port) as service:
        body = json.dumps({"instances": case["instances"][:1]})
        say(f"\nPOST {service.url}/{entry}\n{body}\n")
        url, kind = f"{service.url}/{entry}", {"Content-Type": "application/json"}
        request = urllib.request.Request(url, body.encode(), kind)
        with urllib.request.urlopen(request, timeout=30) as answer:
            say(f"{answer.status} {answer.read().decode()}")
        for run in built.document["proof"]["runs"]:
            say(run["summary"])
        say(f"project  {project}\nservice  {service.url}")
        if not once:
            say("Ctrl-C stops it.")
            follow(service, say)
