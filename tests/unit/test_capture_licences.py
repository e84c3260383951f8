"""Licences as installed metadata has them."""

from __future__ import annotations

from importlib.metadata import Distribution
from pathlib import Path

import pytest

from nb2service.capture.outside.licences import licence_of

BSD = "Classifier: License :: OSI Approved :: BSD License"
APACHE = "Classifier: License :: OSI Approved :: Apache Software License"
PUBLIC = "Classifier: License :: Public Domain"
LICENCES = [
    ("expression", ["License-Expression: MIT AND Zlib", BSD, "License: x"], "MIT AND Zlib"),
    ("classifier", [BSD, "License: BSD 3-Clause"], "BSD License"),
    ("two classifiers", [BSD, APACHE], "BSD License, Apache Software License"),
    ("no OSI licence", [PUBLIC], "Public Domain"),
    ("too general a classifier", ["Classifier: License :: OSI Approved", "License: MIT"], "MIT"),
    ("field", ["License: BSD-3-Clause\n        Copyright (c) the authors"], "BSD-3-Clause"),
    ("a text in place of a name", [f"License: {'Permission is granted ' * 9}"], ""),
    ("said to be unknown", ["License: UNKNOWN"], ""),
    ("nothing", ["Classifier: Programming Language :: Python"], ""),
]


@pytest.mark.parametrize(
    ("lines", "licence"), [row[1:] for row in LICENCES], ids=[row[0] for row in LICENCES]
)
def test_licences(tmp_path: Path, lines: list[str], licence: str) -> None:
    head = ["Metadata-Version: 2.4", "Name: thing", "Version: 1"]
    (tmp_path / "METADATA").write_text("\n".join([*head, *lines, "", ""]))
    assert licence_of(Distribution.at(tmp_path)) == licence
