"""The notebook as a page: what it says and what it computes, readable without any tool."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from ..capture.model import Capture
from .packaging import source_of
from .templates import FOLDER

# What Markdown may hold as HTML that runs, or changes the whole page.
_NEVER = ["base", "embed", "form", "link", "meta", "object", "script", "style"]
_ATTACHED = re.compile(r"attachment:([^\s)\"'>]+)")
_SUSPECT = re.compile(rf"<({'|'.join(_NEVER)})|\ssrc", re.IGNORECASE)


def notebook_page(capture: Capture, notebook: bytes) -> bytes:
    """``notebook.html``: one file that loads nothing, neither from the network nor from beside it.

    Importing nbconvert takes longer than all else that a project is made of.

    Args:
        capture: what travelled, and from which cells.
        notebook: the source notebook without outputs, as an ``.ipynb`` file's bytes.
    """
    import nbformat
    from nbconvert.exporters import HTMLExporter

    exporter = HTMLExporter(
        extra_template_basedirs=[str(FOLDER)], template_name="page", exclude_anchor_links=True
    )
    about = {
        "title": capture.contract.title or capture.name,
        # A notebook that begins with a heading has one already.
        "heading": "" if capture.provenance.title else capture.name,
        "source": source_of(capture.provenance).capitalize(),
        "module": f"{capture.package}/notebook.py",
        "travels": _travelling(capture),
    }
    node = nbformat.reads(notebook.decode("utf-8"), as_version=4)
    for cell in (cell for cell in node.cells if cell.cell_type == "markdown"):
        cell.source = _without_lost(cell.source, cell.get("attachments", {}))
    page, _ = exporter.from_notebook_node(node, about)
    return _self_contained(page).encode("utf-8", "replace")


def _travelling(capture: Capture) -> Mapping[int, list[str]]:
    """The names that travelled from each cell."""
    found: dict[int, list[str]] = {}
    for item in capture.ship_list:
        if item.cell is not None and item.name not in found.setdefault(item.cell, []):
            found[item.cell].append(item.name)
    return found


def _without_lost(text: str, attachments: Collection[str]) -> str:
    """A text whose pasted pictures are all there; nbconvert gives up on one that is gone."""
    return _ATTACHED.sub(lambda found: found[0] if found[1] in attachments else found[1], text)


def _self_contained(page: str) -> str:
    """The page without what it would load or run: of a picture, its description stays."""
    head, main, body = page.partition("<main>")
    if not _SUSPECT.search(body):
        return page
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(main + body, "html.parser")
    for element in soup.find_all(_NEVER):
        element.decompose()
    for element in soup.find_all(src=True):
        if not str(element["src"]).startswith("data:image/"):
            element.replace_with(str(element.get("alt", "")))
    return head + str(soup)


__all__ = ["notebook_page"]
