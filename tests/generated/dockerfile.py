"""Reads a Dockerfile as far as is needed to say what the image would hold and run."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Image:
    """What a Dockerfile makes."""

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
    """The image of ``folder/Dockerfile``; a COPY of what is not there or not let in fails."""
    folder, image, args = Path(folder), Image(), {}
    text = re.sub(r"^\s*#.*\n", "", (folder / "Dockerfile").read_text(), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        word, _, rest = line.partition(" ")
        if word == "ARG":
            args.update([rest.split("=", 1)])
        elif word == "FROM":
            image.base = re.sub(r"\$\{(\w+)\}", lambda match: args[match[1]], rest)
        elif word == "LABEL":
            name, value = rest.split("=", 1)
            image.labels[name] = re.sub(r"\\(.)", r"\1", value[1:-1])
        elif word == "ENV":
            image.env.update(pair.split("=", 1) for pair in rest.split())
        elif word == "WORKDIR":
            image.workdir = rest
        elif word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                image.files |= _copy(folder, source, target)
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
    return image


def _copy(folder, source, target):
    if "[" in source:  # a pattern may match nothing
        return set().union(*(_copy(folder, path.name, target) for path in folder.glob(source)))
    found = folder / source
    assert found.exists(), f"COPY of {source}, which is not there"
    assert f"!{source}" in (folder / ".dockerignore").read_text().splitlines()
    if found.is_file():
        return {(Path(target) / found.name if target == "./" else Path(target)).as_posix()}
    return {
        (Path(target) / path.relative_to(found)).as_posix()
        for path in found.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
