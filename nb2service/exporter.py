"""``jupyter nbconvert --to service``: the same build, its folder as a zip file."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import Exporter
from traitlets import Unicode, default

from .build import Progress, Run, build
from .options import Options


class ServiceExporter(Exporter):  # type: ignore[misc]
    """Runs the notebook, proves the service, and returns the project's folder as a zip file."""

    export_from_notebook = "Service (nb2service)"
    output_mimetype = "application/zip"
    name = Unicode("", help="Service name (default: the notebook's).").tag(config=True)

    @default("file_extension")  # type: ignore[untyped-decorator]
    def _file_extension_default(self) -> str:
        return ".service.zip"

    def from_notebook_node(
        self, nb: Any, resources: Any = None, **kwargs: Any
    ) -> tuple[bytes, dict[str, Any]]:
        """The zip file of the project that the notebook becomes."""
        nb, resources = super().from_notebook_node(nb, resources, **kwargs)
        metadata = resources.get("metadata", {})
        folder = Path(metadata.get("path") or ".")
        stem = metadata.get("name") or "notebook"
        with tempfile.TemporaryDirectory() as scratch:
            output = Path(scratch) / "project"
            file = Path(scratch) / f"{stem}.ipynb"
            nbformat.write(nb, file)
            options = Options(name=self.name or stem, output=str(output), launch=False, clean=False)
            built = build(file, options, Run(), Progress(), folder)
            return _zipped(output, f"{built.document['name']}-service"), resources


def _zipped(folder: Path, top: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, f"{top}/{file.relative_to(folder).as_posix()}")
    return target.getvalue()
