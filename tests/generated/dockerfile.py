"""Reads a Dockerfile as far as is needed to say what the image would hold and run."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath


@dataclass
class Image:
    """What one stage of a Dockerfile makes; ``files`` are absolute paths."""

    base: str = ""
    user: str = "root"
    workdir: str = "/"
    env: dict = field(default_factory=dict)
    labels: dict = field(default_factory=dict)
    files: set = field(default_factory=set)
    runs: list = field(default_factory=list)
    entrypoint: list = field(default_factory=list)
    cmd: list = field(default_factory=list)
    healthcheck: list = field(default_factory=list)


def build(folder):
    """The last stage of ``folder/Dockerfile``."""
    return list(stages(folder).values())[-1]


def stages(folder):
    """Each stage by its name; a COPY of what is not there or not let in fails."""
    folder, made, args = Path(folder), {}, {}
    text = re.sub(r"^\s*#.*\n", "", (folder / "Dockerfile").read_text(), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        word, _, rest = line.partition(" ")
        if word == "ARG":
            args.update([rest.split("=", 1)] if "=" in rest else [])
        elif word == "FROM":
            base, name = rest.split(" AS ")
            base = re.sub(r"\$\{(\w+)\}", lambda match: args[match[1]], base)
            image = made[name] = Image(base=base)
        elif word == "LABEL":
            name, value = rest.split("=", 1)
            image.labels[name] = re.sub(r"\\(.)", r"\1", value[1:-1])
        elif word == "ENV":
            image.env.update(pair.split("=", 1) for pair in rest.split())
        elif word == "WORKDIR":
            image.workdir = rest
        elif word == "COPY" and rest.startswith("--from="):
            stage, source, target = rest.removeprefix("--from=").split()
            assert source == target, "a folder keeps its place"
            image.files |= {path for path in made[stage].files if path.startswith(source + "/")}
        elif word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                image.files |= _copy(folder, source, PurePosixPath(image.workdir, target), target)
        elif word == "RUN":
            image.runs.append((image.user, rest))
        elif word == "USER":
            image.user = rest
        elif word in ("ENTRYPOINT", "CMD"):
            setattr(image, word.lower(), json.loads(rest))
        elif word == "HEALTHCHECK":
            image.healthcheck = json.loads(rest.split("CMD ", 1)[1])
        else:
            assert word in ("", "EXPOSE"), line
    return made


def _copy(folder, source, target, written):
    if "[" in source:  # a pattern may match nothing
        names = (path.name for path in folder.glob(source))
        return set().union(*(_copy(folder, name, target, written) for name in names))
    found = folder / source
    assert found.exists(), f"COPY of {source}, which is not there"
    assert f"!{source}" in (folder / ".dockerignore").read_text().splitlines()
    if found.is_file():
        return {str(target / found.name if written.endswith("/") else target)}
    return {
        str(target / path.relative_to(found).as_posix())
        for path in found.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
