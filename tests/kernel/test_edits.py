"""A project that ops edited is deployed again: real kernels, real services, real proofs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import nbformat
from command_line import nb2service
from live_kernel import LiveKernel

CHECKED = "def checked(km: float) -> float:\n    return km"
PRICE = "def price(km: float) -> float:\n    return checked(km) * {per_km}"


BUILD = ("build", "taxi.ipynb", "--entry", "price")


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


def deployed(kernel: LiveKernel) -> tuple[str, Path]:
    """Where a first version answers, and its folder."""
    kernel.check("%load_ext nb2service")
    kernel.check(CHECKED)
    kernel.check(PRICE.format(per_km=2))
    kernel.check("price(10.0)")
    url = kernel.check("%deploy price --name taxi").card["service"]["url"]
    settled(kernel)
    return url, kernel.folder / "taxi-service"


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def test_edits_of_ops_survive_and_are_proven_with_what_is_new(kernel: LiveKernel) -> None:
    url, folder = deployed(kernel)
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
    url, folder = deployed(kernel)
    edit(folder / "taxi_service/notebook.py", "    return km", "    return km + 1")
    before = contents(folder)

    kernel.check(PRICE.format(per_km=3))
    kernel.check("price(10.0)")
    reply = kernel.run("%deploy price --name taxi")
    assert "price does not answer as the notebook does" in reply.error
    assert "edited files are part of it, and may be why: taxi_service/notebook.py" in reply.error
    assert contents(folder) == before
    assert ask(url, 10.0) == (200, [20.0])


def test_a_dry_run_of_the_command_shows_and_writes_nothing(tmp_path: Path) -> None:
    cells = [CHECKED, PRICE.format(per_km=2), "price(10.0)"]
    kernel = {"name": "python3", "display_name": "", "language": "python"}
    node = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata={"kernelspec": kernel}
    )
    nbformat.write(node, tmp_path / "taxi.ipynb")

    first = nb2service(tmp_path, *BUILD, "--dry-run", "--json")
    assert first.returncode == 0, first.stderr
    document = json.loads(first.stdout)
    assert {file["what"] for file in document["files"]} == {"new"}
    assert not (tmp_path / "taxi-service").exists()

    built = nb2service(tmp_path, *BUILD)
    assert built.returncode == 0, built.stderr
    written = contents(tmp_path / "taxi-service")
    sizes = {file["path"]: file["after"]["size"] for file in document["files"]}
    del sizes["README.md"]  # it has its proof by now
    assert sizes == {path: len(written[path]) for path in sizes}

    again = nb2service(tmp_path, *BUILD, "--dry-run")
    assert again.stdout.splitlines()[:2] == [
        "taxi: dry run: nothing is written",
        f"  nothing would change in {tmp_path / 'taxi-service'}",
    ]
    assert contents(tmp_path / "taxi-service") == written

    folder = nb2service(tmp_path, "run", "taxi-service", "--dry-run")
    assert folder.returncode == 2
    assert "--dry-run is for a notebook" in folder.stderr
