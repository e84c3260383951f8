"""The files that make an image of a project: what they would build, and who may ask it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import captures
import dockerfile
import pytest
import yaml

from nb2service.capture.pins import Lock, LockedFile, Pin
from nb2service.project.container import render_compose, render_dockerfile
from nb2service.project.render import render
from nb2service.project.write import written

WHY = "imported by cell [2]"
CAPTURES = {"churn": captures.churn, "shout": captures.shout}


def write(capture, folder):
    with written(render(capture), folder) as done:
        return done.folder


@pytest.fixture(scope="module", params=CAPTURES)
def folder(request, tmp_path_factory):
    made = CAPTURES[request.param]()
    return write(made, tmp_path_factory.mktemp("made") / f"{made.name}-service")


@pytest.fixture
def shout(tmp_path):
    return write(captures.shout(), tmp_path / "shout-service")


def run(*command, folder):
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = shutil.which(command[0], path=tools) or command[0]
    return subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env={"PATH": tools, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


# --- Dockerfile ---------------------------------------------------------------------------------


def test_dockerfile(folder):
    stages = dockerfile.stages(folder)
    assert list(stages) == ["builder", "runtime"]
    base = "python:{}.{}-slim".format(*sys.version_info)
    assert {stage.base for stage in stages.values()} == {base}
    image, package = stages["runtime"], folder.name.replace("-", "_")
    assert image.user == "1000"
    assert {user for stage in stages.values() for user, _ in stage.runs} == {"root"}
    assert image.env["HOST"] == "0.0.0.0"
    assert "PORT" not in image.env  # or it would hide what a platform sets
    assert image.workdir == "/app"
    assert image.entrypoint == ["python", "-m", package]
    assert image.cmd == ["serve"]
    assert "/healthz" in image.healthcheck[-1]
    compile(image.healthcheck[-1], "healthcheck", "exec")
    generated = json.loads((folder / ".nb2service/generated.json").read_text())
    code = {f"/app/{path}" for path in generated if path.startswith(package + "/")}
    assert code <= image.files
    assert not [path for path in image.files if path.startswith(("/app/.", "/app/tests"))]
    assert ("/app/rounding/clipping.py" in image.files) == (package == "churn_service")


def test_hadolint_finds_nothing(folder):
    done = run("hadolint", "Dockerfile", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def test_other_code_does_not_install_the_packages_anew(folder):
    text = (folder / "Dockerfile").read_text().replace("\\\n", " ")
    lines = text[: text.index(" install --no-cache-dir")].splitlines()
    before = [line for line in lines if line and line[0].isalpha()]
    assert [line.split()[0] for line in before] == ["ARG", "FROM", "ARG", "WORKDIR", "COPY", "RUN"]
    assert before[-2] == "COPY requirements.txt wheelhous[e] ./wheelhouse/"


def test_labels_tell_where_the_image_comes_from(tmp_path):
    made = captures.churn()
    provenance = replace(made.provenance, notebook='a "b" $c.ipynb', git_commit="0123abc")
    folder = write(replace(made, provenance=provenance), tmp_path / "churn-service")
    assert dockerfile.build(folder).labels == {
        "org.opencontainers.image.title": "churn-service",
        "org.opencontainers.image.description": "Customer churn",
        "org.opencontainers.image.version": "1.0.0",
        "org.opencontainers.image.revision": "0123abc",
        "nb2service.notebook": 'a "b" $c.ipynb',
        "nb2service.notebook.sha256": provenance.sha256,
        "nb2service.python": provenance.python,
        "nb2service.packages": " ".join(f"{name}=={at}" for name, at in provenance.versions),
    }


def test_what_is_not_known_has_no_label(tmp_path):
    made = captures.shout()
    provenance = replace(made.provenance, notebook=None, git_commit=None)
    folder = write(replace(made, provenance=provenance), tmp_path / "shout-service")
    unknown = {"nb2service.notebook", "org.opencontainers.image.revision"}
    assert not unknown & dockerfile.build(folder).labels.keys()


def test_the_proof_enters_the_image_once_there_is_one(shout):
    assert "/app/proof.json" not in dockerfile.build(shout).files
    (shout / "proof.json").write_text("{}")
    assert "/app/proof.json" in dockerfile.build(shout).files


def test_wheels_are_installed_from_but_not_kept(shout):
    wheel = "wheelhouse/flask-3.1.3-py3-none-any.whl"
    (shout / "wheelhouse").mkdir()
    (shout / wheel).write_bytes(b"")
    stages = dockerfile.stages(shout)
    assert {"/build/wheelhouse/requirements.txt", f"/build/{wheel}"} <= stages["builder"].files
    assert not [path for path in stages["runtime"].files if "wheelhouse" in path]


def test_git_is_there_for_those_who_install_with_it():
    url = "git+https://example.org/a/b@0123abc"
    builder, runtime = with_pin(Pin("odd", "1.0", WHY, True, url=url)).split(" AS runtime\n")
    assert " git " in builder
    assert " git " not in runtime


@pytest.mark.parametrize(
    ("files", "compiler"),
    [(["odd-1.0.tar.gz"], True), (["odd-1.0-py3-none-any.whl", "odd-1.0.tar.gz"], False)],
    ids=["source alone", "a wheel too"],
)
def test_a_compiler_is_there_for_those_who_need_it(files, compiler):
    locked = tuple(LockedFile(name, "0" * 64) for name in files)
    text = with_pin(Pin("odd", "1.0", WHY, True, files=locked))
    builder, runtime = text.split(" AS runtime\n")
    assert (" build-essential " in builder) == compiler
    assert "build-essential" not in runtime


def with_pin(pin):
    """The Dockerfile of a project that needs this too."""
    made = captures.shout()
    lock = Lock((*made.requirements, pin), ())
    return render_dockerfile(replace(made, requirements=(*made.requirements, pin), lock=lock))


def test_system_libraries_are_installed_for_those_who_need_them():
    builder, runtime = with_pin(Pin("lightgbm", "4.0.0", WHY, True)).split(" AS runtime\n")
    assert "libgomp1" in runtime
    assert "libgomp1" not in builder
    assert "libgomp1" not in render_dockerfile(captures.shout())


# --- compose.yaml -------------------------------------------------------------------------------


def test_compose(folder):
    check = ("check-jsonschema", "--builtin-schema=vendor.compose-spec", "compose.yaml")
    done = run(*check, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    services = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
    (service,) = services.values()
    assert list(services) == [folder.name.removesuffix("-service")]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize(
    ("settings", "keys", "anonymous"),
    [
        ("API_KEYS=a:00,b:11\nPORT=9000\n", "a:00,b:11", ""),
        ("API_KEYS=\nALLOW_ANONYMOUS=1\n", "", "1"),
    ],
    ids=["keys", "open"],
)
def test_compose_tells_the_service_who_may_ask(shout, tmp_path, settings, keys, anonymous):
    (shout / ".env").write_text(settings)
    done = compose_config(shout, tmp_path)
    assert done.returncode == 0, done.stderr
    environment = yaml.safe_load(done.stdout)["services"]["shout"]["environment"]
    assert environment["API_KEYS"] == keys
    assert environment["ALLOW_ANONYMOUS"] == anonymous
    assert environment["PORT"] == "8080"  # in the container; .env says which port leads there


def test_compose_starts_nothing_before_it_knows_who_may_ask(shout, tmp_path):
    done = compose_config(shout, tmp_path)
    assert done.returncode != 0
    assert "API_KEYS is missing a value: must be set" in done.stderr
    assert "docker run --rm shout-service key new CLIENT" in done.stderr


def compose_config(folder, tmp_path):
    """The file as Compose understands it; of podman itself only the version is asked."""
    podman = tmp_path / "podman"
    podman.write_text("#!/bin/sh\necho podman version 5.0.0\n")
    podman.chmod(0o755)
    return run("podman-compose", f"--podman-path={podman}", "config", folder=folder)


@pytest.mark.parametrize(
    ("size", "limit"),
    [(0, "1g"), (10**6, "2g"), (2**30, "5g")],
    ids=["no model", "a small one", "a large one"],
)
def test_compose_leaves_memory_for_the_model(size, limit):
    made = captures.churn()
    models = tuple(replace(artifact, data=range(size)) for artifact in made.artifacts)
    read = yaml.safe_load(render_compose(replace(made, artifacts=models)))
    memory = read["services"]["churn"]["deploy"]["resources"]["limits"]["memory"]
    assert memory == f"${{MEMORY:-{limit}}}"
