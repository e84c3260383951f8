"""Takes credentials and masked values out of what is shown or kept for the record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ..model import CaptureWarning
from .secrets import MASK, Secret, concealed, find_in_code, find_secrets, secret_named

_GIVEN = re.compile(r"(?P<name>\w+)(?:=|: |'\]\s*=\s*)(?P<quote>['\"])(?P<value>.+?)(?P=quote)")
# What IPython's syntax has and Python's has not, a line each.
_MAGIC = re.compile(r"^(\s*)[%!?].*$", re.MULTILINE)


def conceal(text: str, originals: Iterable[str] = ()) -> str:
    """A message without the value of any credential, and without masked example values."""
    secrets = list(find_secrets(text))
    for given in _GIVEN.finditer(text):
        if what := secret_named(given["name"], given["value"]):
            secrets.append(Secret(what, 1, given["value"]))
    for original in sorted(originals, key=len, reverse=True):
        text = text.replace(original, MASK)
    return concealed(text, secrets)


def shown(warning: CaptureWarning, originals: Iterable[str]) -> CaptureWarning:
    """A warning as people and programs may see it."""
    message, hint = conceal(warning.message, originals), conceal(warning.hint, originals)
    return replace(warning, message=message, hint=hint)


def cleaned_notebook(
    notebook: bytes, originals: Iterable[str]
) -> tuple[bytes, tuple[CaptureWarning, ...]]:
    """The copy of the notebook that a project keeps, and a warning of what was taken out of it.

    Args:
        notebook: an ``.ipynb`` file's bytes.
        originals: masked example values.
    """
    content: dict[str, Any] = json.loads(notebook)
    told: list[str] = []
    for cell in content["cells"]:
        source = "".join(cell["source"])
        secrets = _secrets_of(cell["cell_type"], source)
        told += [secret.what for secret in secrets]
        clean = concealed(source, secrets)
        for original in sorted(originals, key=len, reverse=True):
            clean = clean.replace(original, MASK)
        if clean != source:
            cell["source"] = clean.splitlines(keepends=True)
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True)
    return (text + "\n").encode("utf-8", "replace"), tuple(_taken_out(told))


def _taken_out(kinds: list[str]) -> Iterator[CaptureWarning]:
    if kinds:
        what = " and ".join(dict.fromkeys(kinds))
        yield CaptureWarning(
            f"the notebook holds {what}; in the project's copy of it stands {MASK} instead",
            "read it from os.environ, so that the notebook can be shared too",
        )


def _secrets_of(cell_type: str, source: str) -> list[Secret]:
    if cell_type != "code":
        return list(find_secrets(source))
    magics = [secret for line in _MAGIC.finditer(source) for secret in find_secrets(line[0])]
    return [*find_in_code(_MAGIC.sub(r"\1pass", source)), *magics]
