"""A project in a fresh process that sees pinned packages alone."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from captures import shout

from nb2service.capture.model import Capture, Part
from nb2service.capture.outside.requirements import find_requirements
from nb2service.capture.pins import Pin
from nb2service.errors import ProofError, RequirementsError
from nb2service.launch import rehearsal
from nb2service.launch.proof_model import DIFFERENT, ProofEntry, ProofRun
from nb2service.launch.rehearsal import explained, rehearse
from nb2service.project.render import render
from nb2service.project.write import written

Install = Callable[..., Pin]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Lays down a distribution where this process and those it starts find it."""
    site = tmp_path / "lib" / "site-packages"
    site.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))

    def lay(name: str, module: str, code: str, *requires: str, points: str = "") -> Pin:
        info = site / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        needs = "".join(f"Requires-Dist: {text}\n" for text in requires)
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        (info / "METADATA").write_text(head + needs)
        (info / "RECORD").write_text(f"{module}.py,,\n")
        if points:
            (info / "entry_points.txt").write_text(points)
        (site / f"{module}.py").write_text(code)
        importlib.invalidate_caches()
        return Pin(name, "1.0", "imported by cell [2]", direct=True)

    return lay


def project(tmp_path: Path, source: str, *pins: Pin, batch: str = "HI") -> tuple[Path, Capture]:
    """A written project of a function on texts, and its capture."""
    made = shout()
    case = {**made.cases["shout"], "instances": [{"text": "hi"}], "batch": [batch]}
    web = find_requirements({}, ()).pins
    requirements = tuple(sorted((*web, *pins), key=lambda pin: pin.name))
    capture = replace(
        made,
        parts=(Part("code", ("shout",), source, 2),),
        cases={"shout": case},
        requirements=requirements,
    )
    folder = tmp_path / "shout-service"
    with written(render(capture), folder):
        return folder, capture


def added(before: Capture, after: Capture) -> list[tuple[str, str]]:
    return [(pin.name, pin.why) for pin in after.requirements if pin not in before.requirements]


PLAIN = "def shout(text):\n    print('noise')\n    return text.upper()"
LAZY = "def shout(text):\n    import lazy_lib\n    return lazy_lib.loud(text)"


def test_nothing_is_added_where_nothing_is_missing(tmp_path: Path) -> None:
    folder, capture = project(tmp_path, PLAIN)
    assert rehearse(folder, capture) == capture


def test_what_a_library_imports_late_is_pinned(tmp_path: Path, install: Install) -> None:
    loud = "def loud(text):\n    import late_dep\n    return late_dep.upper(text)\n"
    library = install("lazy-lib", "lazy_lib", loud, "late-dist ; extra == 'fast'")
    install("late-dist", "late_dep", "from deeper_dep import upper\n", "deeper-dist")
    install("deeper-dist", "deeper_dep", "upper = str.upper\n")
    folder, capture = project(tmp_path, LAZY, library)
    settled = rehearse(folder, capture)
    assert added(capture, settled) == [
        ("deeper-dist", "via late-dist"),
        ("late-dist", "loaded while the examples ran; lazy-lib[fast]"),
    ]
    assert settled.warnings == capture.warnings


def test_what_a_library_can_do_without_is_not_pinned(tmp_path: Path, install: Install) -> None:
    code = """
try:
    import early_dep
except ImportError:
    pass
def loud(text):
    try:
        import late_dep
    except ImportError:
        return text.upper()
    return late_dep.upper(text)
"""
    library = install("lazy-lib", "lazy_lib", code)
    install("early-dist", "early_dep", "")
    install("late-dist", "late_dep", "upper = str.upper\n")
    folder, capture = project(tmp_path, LAZY, library)
    assert rehearse(folder, capture) == capture


def test_what_changes_the_answer_is_pinned_though_nothing_fails(
    tmp_path: Path, install: Install
) -> None:
    code = """
try:
    from late_dep import upper
except ImportError:
    upper = str.lower
def loud(text):
    return upper(text)
"""
    library = install("lazy-lib", "lazy_lib", code)
    install("late-dist", "late_dep", "upper = str.upper\n")
    folder, capture = project(tmp_path, f"import lazy_lib\n{LAZY}", library)
    settled = rehearse(folder, capture)
    assert added(capture, settled) == [("late-dist", "loaded when the service starts")]


def test_plugins_are_found_by_their_entry_points(tmp_path: Path, install: Install) -> None:
    code = """
from importlib.metadata import distributions
def loud(text):
    points = [p for d in distributions() for p in d.entry_points if p.group == "lazy_lib.loud"]
    return points[0].load()(text)
"""
    library = install("lazy-lib", "lazy_lib", code)
    points = "[lazy_lib.loud]\nupper = late_dep:upper\n"
    install("late-dist", "late_dep", "upper = str.upper\n", points=points)
    folder, capture = project(tmp_path, LAZY, library)
    assert added(capture, rehearse(folder, capture)) == [
        ("late-dist", "loaded while the examples ran")
    ]


def test_what_is_needed_and_belongs_to_nothing_is_refused(tmp_path: Path, install: Install) -> None:
    library = install(
        "lazy-lib", "lazy_lib", "def loud(text):\n    import loose\n    return text\n"
    )
    (tmp_path / "lib" / "site-packages" / "loose.py").write_text("")
    folder, capture = project(tmp_path, LAZY, library, batch="hi")
    with pytest.raises(RequirementsError, match=r"'loose' \(loaded while.*no installed dist"):
        rehearse(folder, capture)


VARYING = {
    "hash": "def shout(text):\n    return str(hash(text))",
    "id": "class A: pass\nA = A()\ndef shout(text):\n    return str(id(A))",
    "drawn when loaded": "import random\nX = random.random()\ndef shout(text):\n    return str(X)",
    "set order": "def shout(text):\n    return ''.join({'a', 'b', 'c', 'd', 'e', 'f', 'g'})",
}


@pytest.mark.parametrize("source", VARYING.values(), ids=VARYING)
def test_answers_that_change_from_process_to_process_are_named(tmp_path: Path, source: str) -> None:
    folder, capture = project(tmp_path, source, batch="in the kernel")
    with pytest.raises(ProofError, match="shout: the answers change from process to proc") as error:
        rehearse(folder, capture)
    assert "zlib.crc32" in error.value.hint


def failed(*names: str) -> ProofRun:
    entries = [ProofEntry(n, 1, (), 0.0, 0.0, "", 1, (), "a guess", DIFFERENT) for n in names]
    return ProofRun("kernel", "3.11", (), tuple(entries))


def test_a_failed_proof_is_explained_by_other_processes(tmp_path: Path) -> None:
    folder, capture = project(tmp_path, VARYING["hash"], batch="in the kernel")
    [entry] = explained(folder, capture, failed("shout")).entries
    assert "from process to process" in entry.cause


def test_a_failed_proof_is_not_blamed_on_processes_that_agree(tmp_path: Path) -> None:
    folder, capture = project(tmp_path, PLAIN, batch="something else")
    assert explained(folder, capture, failed("shout")) == failed("shout")


def test_what_repeats_nowhere_is_not_compared(tmp_path: Path) -> None:
    folder, capture = project(tmp_path, VARYING["drawn when loaded"])
    [entry] = capture.contract.entries
    contract = replace(capture.contract, entries=(replace(entry, repeats=False),))
    capture = replace(capture, contract=contract)
    assert rehearse(folder, capture) == capture


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import os\nos._exit(3)\n" + PLAIN, "exit code 3"),
        ("raise OSError('the port is taken')\n" + PLAIN, "the port is taken"),
    ],
    ids=["ends", "raises"],
)
def test_a_process_that_shows_nothing_is_a_warning(tmp_path: Path, source: str, said: str) -> None:
    folder, capture = project(tmp_path, source)
    settled = rehearse(folder, capture)
    assert settled.requirements == capture.requirements
    [warning] = set(settled.warnings) - set(capture.warnings)
    assert said in warning.message


def test_threads_of_the_notebook_do_not_keep_it(tmp_path: Path) -> None:
    waiting = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
    folder, capture = project(tmp_path, waiting + PLAIN)
    assert rehearse(folder, capture) == capture


def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_WITHIN", 0.5)
    folder, capture = project(tmp_path, "import time\ntime.sleep(600)\n" + PLAIN)
    assert "exit code" in rehearse(folder, capture).warnings[-1].message


LIBRARIES = {
    "/usr/lib/x86_64-linux-gnu/libgomp.so.1.0.0": ("libgomp.so.1", "libgomp1"),
    "/usr/lib/x86_64-linux-gnu/libGL.so.1.7.0": ("libGL.so.1", "libgl1"),
    "/opt/vendor/lib/libsecret-sauce.so": ("libsecret-sauce.so", ""),
    "/usr/lib/x86_64-linux-gnu/libssl.so.3": ("", ""),
    "/usr/lib/x86_64-linux-gnu/libcuda.so.535.54": ("", ""),
    "/somewhere/site-packages/thing.libs/libgomp-1ab2.so.1": ("", ""),
    f"{sys.prefix}/lib/libopenblas.so.0": ("", ""),
}


@pytest.mark.parametrize(("path", "is_"), LIBRARIES.items(), ids=LIBRARIES)
def test_libraries_of_the_system_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, is_: tuple[str, str]
) -> None:
    soname, package = is_
    folder, capture = project(tmp_path, PLAIN)
    shown = {"answers": {"shout": ["HI"]}, "errors": [], "libraries": [path]}
    monkeypatch.setattr(rehearsal, "_outcome", lambda *_: shown)
    settled = rehearse(folder, capture)
    assert settled.libraries == ((soname,) if soname else ())
    unknown = [w.message for w in settled.warnings if w not in capture.warnings]
    assert len(unknown) == (1 if soname and not package else 0)
    assert all(soname in message for message in unknown)
    dockerfile = render(settled).files["Dockerfile"].decode()
    assert (f" {package} " in dockerfile) if package else ("apt-get" not in dockerfile)
