"""A project that ops edited is deployed again: real kernels, real services, real proofs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from live_kernel import LiveKernel

CHECKED = "def checked(km: float) -> float:\n    return km"
PRICE = "def price(km: float) -> float:\n    return checked(km) * {per_km}"


def ask(url: str, km: float) -> tuple[int, Any]:
    body = json.dumps({"km": km}).encode()
    request = urllib.request.Request(f"{url}/price", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)["predictions"]
    except urllib.error.HTTPError as error:
        return error.code, None


def settled(kernel: LiveKernel) -> dict[str, Any]:
    """The card once the clean environment has been tried too."""
    return kernel.wait_for_card(lambda document: not document["pending"])


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def test_edits_of_ops_survive_and_are_proven_with_what_is_new(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service")
    kernel.check(CHECKED)
    kernel.check(PRICE.format(per_km=2))
    kernel.check("price(10.0)")
    url = kernel.check("%deploy price --name taxi").card["service"]["url"]
    settled(kernel)
    folder = kernel.folder / "taxi-service"
    notebook = folder / "taxi_service/notebook.py"

    # What an ops engineer may do to it: the code, the image, the words, a file not wanted.
    guard = '    if km < 0:\n        raise ValueError("no way back")\n    return km'
    edit(notebook, "    return km", guard)
    with (folder / "Dockerfile").open("a") as file:
        file.write('LABEL team="mobility"\n')
    edit(folder / "README.md", "## Changing it", "## Whom to ask\n\nMobility.\n\n## Changing it")
    (folder / "compose.yaml").unlink()

    # The notebook goes on meanwhile; what a deployment would do is seen before it is done.
    kernel.check(PRICE.format(per_km=3))
    kernel.check("price(10.0)")
    before = contents(folder)
    dry = kernel.check("%deploy price --name taxi --dry-run")
    assert contents(folder) == before
    assert ask(url, 10.0) == (200, [20.0])
    assert "service" not in dry.card
    told = {file["path"]: file for file in dry.card["files"]}
    assert told["taxi_service/notebook.py"]["what"] == "merged"
    diff = told["taxi_service/notebook.py"]["diff"]
    assert "-    return checked(km) * 2\n+    return checked(km) * 3\n" in diff
    assert "no way back" not in "".join(line for line in diff.split("\n") if line[:1] in "+-")
    assert "requirements.txt" not in told  # the same packages: their hashes are as they were
    assert '<span class="add">+    return checked(km) * 3</span>' in dry.displays[-1]["text/html"]

    kernel.check("%deploy price --name taxi")
    card = settled(kernel)
    assert [run["verdict"] for run in card["proof"]["runs"]] == ["equal", "equal"]
    assert ask(url, 10.0) == (200, [30.0])
    assert ask(url, -1.0)[0] == 500  # the guard of ops is in service
    what = {file["path"]: file["what"] for file in card["files"]}
    assert what["taxi_service/notebook.py"] == "merged"
    assert what["Dockerfile"] in ("kept", "merged")
    assert what["README.md"] == "merged"
    assert what["compose.yaml"] == "deleted"
    assert "no way back" in notebook.read_text()
    assert 'LABEL team="mobility"' in (folder / "Dockerfile").read_text()
    readme = (folder / "README.md").read_text()
    assert "## Whom to ask\n\nMobility." in readme
    assert "30.0" in readme
    assert "asked for each of" in readme  # the proof, made anew
    assert not (folder / "compose.yaml").exists()
    assert not list(folder.rglob("*.new"))


def test_an_edit_that_breaks_the_proof_is_named_and_nothing_is_changed(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service")
    kernel.check(CHECKED)
    kernel.check(PRICE.format(per_km=2))
    kernel.check("price(10.0)")
    url = kernel.check("%deploy price --name taxi").card["service"]["url"]
    settled(kernel)
    folder = kernel.folder / "taxi-service"
    edit(folder / "taxi_service/notebook.py", "    return km", "    return km + 1")
    before = contents(folder)

    kernel.check(PRICE.format(per_km=3))
    kernel.check("price(10.0)")
    reply = kernel.run("%deploy price --name taxi")
    assert "price does not answer as the notebook does" in reply.error
    assert "edited files are part of it, and may be why: taxi_service/notebook.py" in reply.error
    assert contents(folder) == before
    assert ask(url, 10.0) == (200, [20.0])
