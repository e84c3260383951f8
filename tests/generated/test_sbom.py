"""The software bill of materials and the list of licences say what the folder holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from threading import Lock as Mutex
from threading import Thread
from typing import Any

import captures
import pytest
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from nb2service.capture.model import Artifact, Capture, NativeFile
from nb2service.capture.pins import Lock, LockedFile, Pin
from nb2service.project.model import SBOM
from nb2service.project.render import render

INDEX = "https://download.pytorch.org/whl/cpu"
GIT = "git+https://example.org/thing@abc#subdirectory=a"
PINS = (
    Pin("archive", "2.0", "imported by cell [1]", True, url="https://example.org/a-2.0.tar.gz"),
    Pin("flask", "3.1.0", "web layer", True, web=True, licence="BSD-3-Clause"),
    Pin("numpy", "2.4.0", "via pandas", False, licence="BSD-3-Clause AND MIT AND Zlib"),
    Pin(
        "pandas", "3.1.0", "imported by cell [1]", True, licence="BSD License", requires=("numpy",)
    ),
    Pin("thing", "1.0", "imported by cell [2]", True, url=GIT, licence="GPL, or so | my own"),
    Pin("torch", "2.13.0+cpu", "imported by cell [2]", True, index=INDEX),
)
WHEELS = tuple(
    LockedFile(f"numpy-2.4.0-cp311-{tag}.whl", sha256(tag.encode()).hexdigest())
    for tag in ("manylinux_aarch64", "manylinux_x86_64")
)
ON_ARM = Pin("nvidia-x", "1", "via torch", False, marker="platform_machine == 'aarch64'")


def packages() -> Capture:
    return replace(captures.shout(), requirements=PINS)


def locked() -> Capture:
    pins = [replace(pin, files=WHEELS) if pin.name == "numpy" else pin for pin in PINS]
    return replace(packages(), lock=Lock((*pins, ON_ARM), ()))


def with_parts() -> Capture:
    """Models of several libraries, a table, and values that are no models."""

    def part(file: str, form: str, kind: str) -> NativeFile:
        return NativeFile(file, file.encode(), kind, form, "xgboost", "3.1.0", "", ())

    parts = (
        part("m.ubj", "xgboost", "xgboost.core.Booster"),
        part("m.parquet", "parquet", "pandas.DataFrame"),
    )
    made = captures.churn()
    words = Artifact("words", "words.pkl", "pickle", b"\x80\x04}.", "dict", 3, ())
    table = Artifact("t", "t.mapped", "mapped", b"\x80\x04].", "numpy.ndarray", 3, ("numpy",))
    box = Artifact("box", "box.pkl", "pickle", b"\x80\x04}.", "Box", None, (), parts)
    return replace(made, artifacts=(*made.artifacts, words, table, box))


CAPTURES = {
    "churn, with local modules": captures.churn,
    "without artifacts": captures.shout,
    "packages of all origins": packages,
    "locked": locked,
    "native parts": with_parts,
    "hostile texts": lambda: captures.hostile("a\n# b `c` | $(d) \x00\ud800 --> </script>\u2028é"),
}
made = pytest.mark.parametrize("capture", CAPTURES.values(), ids=CAPTURES.keys())


def sbom(capture: Capture) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render(capture, b"{}", b"page").files[SBOM])
    return found


def component(document: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [item for item in document["components"] if item["name"] == name]
    return found


@made
def test_it_keeps_to_the_official_schema(capture: Any) -> None:
    text = render(capture(), b"{}", b"page").files[SBOM].decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


@made
def test_it_lists_every_package_and_file_once(capture: Any) -> None:
    project = render(given := capture(), b"{}", b"page")
    document = json.loads(project.files[SBOM])
    named = [item["name"] for item in document["components"]]
    pins = given.lock.pins if given.lock else given.requirements
    held = [f"{given.package}/artifacts/{f.file}" for a in given.artifacts for f in (a, *a.parts)]
    shipped = [
        file.path if file.kind == "module" else f"{given.package}/files/{file.path}"
        for file in given.files
    ]
    assert sorted(named) == sorted([*(pin.name for pin in pins), *held, *shipped])
    for path in (*held, *shipped):
        digest = sha256(project.files[path]).hexdigest()
        assert component(document, path)["hashes"] == [{"alg": "SHA-256", "content": digest}]
    known = {
        item["bom-ref"] for item in (*document["components"], document["metadata"]["component"])
    }
    assert {item["ref"] for item in document["dependencies"]} == known


def test_packages_are_named_as_others_name_them() -> None:
    document = sbom(packages())
    assert [component(document, pin.name)["purl"] for pin in PINS] == [
        "pkg:pypi/archive@2.0?download_url=https://example.org/a-2.0.tar.gz",
        "pkg:pypi/flask@3.1.0",
        "pkg:pypi/numpy@2.4.0",
        "pkg:pypi/pandas@3.1.0",
        "pkg:pypi/thing@1.0?vcs_url=git%2Bhttps://example.org/thing%40abc%23subdirectory%3Da",
        "pkg:pypi/torch@2.13.0%2Bcpu?repository_url=https://download.pytorch.org/whl/cpu",
    ]
    assert [component(document, pin.name).get("licenses") for pin in PINS] == [
        None,
        [{"license": {"id": "BSD-3-Clause"}}],
        [{"expression": "BSD-3-Clause AND MIT AND Zlib"}],
        [{"license": {"name": "BSD License"}}],
        [{"license": {"name": "GPL, or so | my own"}}],
        None,
    ]


def test_what_a_lock_knows_is_in_it() -> None:
    document = sbom(locked())
    [one, other] = component(document, "numpy")["externalReferences"]
    assert one["url"] == f"https://pypi.org/simple/numpy/#{WHEELS[0].name}"
    assert other["hashes"] == [{"alg": "SHA-256", "content": WHEELS[1].sha256}]
    assert {"name": "nb2service:platforms", "value": ON_ARM.marker} in component(
        document, "nvidia-x"
    )["properties"]


def test_who_needs_whom() -> None:
    needs = {item["ref"]: item.get("dependsOn", []) for item in sbom(packages())["dependencies"]}
    own = [ref.removeprefix("pkg:pypi/").split("@")[0] for ref in needs["shout-service"]]
    assert own == ["archive", "flask", "pandas", "thing", "torch"]
    assert needs["pkg:pypi/pandas@3.1.0"] == ["pkg:pypi/numpy@2.4.0"]
    needs = {item["ref"]: item.get("dependsOn", []) for item in sbom(with_parts())["dependencies"]}
    held = "churn_service/artifacts"
    assert needs[f"{held}/box.pkl"] == [f"{held}/m.parquet", f"{held}/m.ubj"]
    assert {"rounding/__init__.py", f"{held}/model.pkl"} < set(needs["churn-service"])


def test_models_are_told_from_data() -> None:
    document = sbom(with_parts())
    kinds = {
        item["name"].removeprefix("churn_service/"): item["type"]
        for item in document["components"]
        if "purl" not in item
    }
    assert kinds == {
        "artifacts/box.pkl": "data",
        "artifacts/m.parquet": "data",
        "artifacts/m.ubj": "machine-learning-model",
        "artifacts/model.pkl": "machine-learning-model",
        "artifacts/t.mapped": "data",
        "artifacts/words.pkl": "data",
        "files/groups.txt": "data",
        "rounding/__init__.py": "file",
        "rounding/clipping.py": "file",
    }
    about = component(document, "churn_service/artifacts/model.pkl")["properties"]
    assert {"name": "nb2service:pickle", "value": "pickle, 4 names of numpy, sklearn"} in about


def test_another_content_has_another_number() -> None:
    numbers = {sbom(capture())["serialNumber"] for capture in CAPTURES.values()}
    assert len(numbers) == len(CAPTURES)


_RENDER = """
import sys
sys.path.insert(0, sys.argv[1])
import test_sbom
for name, capture in test_sbom.CAPTURES.items():
    files = test_sbom.render(capture(), b"{}", b"page").files
    print(test_sbom.sha256(files["sbom.cdx.json"] + files["LICENSES.md"]).hexdigest(), name)
"""


def test_the_bytes_do_not_depend_on_the_process() -> None:
    def run(seed: str) -> str:
        command = [sys.executable, "-c", _RENDER, str(Path(__file__).parent)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout

    told = run("1")
    assert len(told.splitlines()) == len(CAPTURES)
    assert run("2") == told


def test_a_project_that_is_not_complete_has_none_yet() -> None:
    """Its library takes long to import: not before the service is live."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import captures; "
        "from nb2service.project.render import render; "
        "print('sbom.cdx.json' in render(captures.shout()).files, 'cyclonedx' in sys.modules)"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_licences_are_listed() -> None:
    text = render(locked()).files["LICENSES.md"].decode()
    assert "| numpy | 2.4.0 | BSD-3-Clause AND MIT AND Zlib |" in text
    assert "| thing | 1.0 | GPL, or so \\| my own |" in text
    assert "| archive | 2.0 | not said |" in text
    assert "The metadata of archive, torch does not say" in text
    assert "nvidia-x: for another platform than the notebook's" in text
    told = replace(packages(), requirements=PINS[1:3])
    assert "does not say" not in render(told).files["LICENSES.md"].decode()


def test_threads_take_turns_to_read_licences(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library that reads them is spoilt by another thread: expressions become mere names."""
    from nb2service.project import sbom

    reading, alone = Mutex(), []

    class Reader:
        def make_from_string(self, words: str) -> Any:
            alone.append(reading.acquire(timeout=0))
            time.sleep(0.05)
            if alone[-1]:
                reading.release()
            return DisjunctiveLicense(name=words)

    monkeypatch.setattr(sbom, "LicenseFactory", Reader)
    threads = [Thread(target=sbom.render_sbom, args=[packages()]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert len(alone) >= 9
    assert all(alone)
