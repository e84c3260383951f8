"""The templates of files that are more text than data.

Every ``{{ … }}`` ends in a filter named after the language that it stands in: the functions of
``quoting``. A test holds it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .. import quoting

FOLDER = Path(__file__).parent
FILTERS = {
    "comment": quoting.comment,
    "compose": quoting.compose,
    "decimal": lambda value: f"{value:.4g}",
    "dockerfile": quoting.dockerfile,
    "markdown": quoting.markdown,
    "markdown_block": quoting.markdown_block,
    "markdown_code": quoting.markdown_code,
    "name": quoting.name,
    "number": int,
    "ready": str,  # Markdown already: made by fields.py, or our own words
    "shell": quoting.shell,
    "size": quoting.size,
    "words": lambda items: " ".join(quoting.shell(item) for item in items),
}


@cache  # and with it the templates, whose compiling takes most of a project's making
def environment() -> Environment:
    """Jinja as the templates expect it: an undefined name is an error, no line is lost."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(FILTERS)
    return made


def fill(template: str, **values: Any) -> str:
    """The text of a template, filled in."""
    return environment().get_template(template).render(values)
