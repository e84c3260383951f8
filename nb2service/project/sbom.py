"""``sbom.cdx.json``: the software bill of materials, in CycloneDX.

Its library takes longer to import than a project takes to be written, so this module is imported
where a project is completed, after its service is live.
"""

from __future__ import annotations

import json
from hashlib import sha256
from threading import Lock
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from .. import __version__
from ..capture.model import Artifact, Capture, NativeFile, ShippedFile
from ..capture.pins import USUAL_INDEX, Pin
from .licences import shipped_pins

# What it reads licences with fills its tables while it reads; two threads spoil each other's.
_READING = Lock()
# Values of these are data. Those of other libraries are models, or steps before one.
_DATA = {"collections", "datetime", "decimal", "numpy", "pandas", "pyarrow", "scipy"}


def render_sbom(capture: Capture) -> str:
    """``sbom.cdx.json``; no time and no chance is in it, the same capture gives the same text."""
    service = _service(capture)
    pins = {pin.name: _package(pin) for pin in shipped_pins(capture)}
    held = [
        [_saved(artifact, capture), *(_native(part, capture) for part in artifact.parts)]
        for artifact in capture.artifacts
    ]
    files = [_shipped(file, capture) for file in capture.files]
    bom = Bom(components=[*pins.values(), *(c for group in held for c in group), *files])
    bom.metadata.component = service
    maker = Component(name="nb2service", version=__version__, type=ComponentType.APPLICATION)
    bom.metadata.tools.components.add(maker)
    bom.register_dependency(service, [*_roots(capture, pins), *(g[0] for g in held), *files])
    for pin in shipped_pins(capture):
        bom.register_dependency(pins[pin.name], [pins[n] for n in pin.requires if n in pins])
    for artifact, *parts in held:
        bom.register_dependency(artifact, parts)
    made = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6)
    return _timeless(json.loads(made.output_as_string()))


def _timeless(document: dict[str, Any]) -> str:
    """The document without the time, and with a serial number that its content makes."""
    del document["serialNumber"], document["metadata"]["timestamp"]
    content = json.dumps(document, sort_keys=True)
    document["serialNumber"] = uuid5(NAMESPACE_URL, content).urn
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _service(capture: Capture) -> Component:
    name, provenance = f"{capture.name}-service", capture.provenance
    return Component(
        name=name,
        version=str(capture.contract.metadata.get("version", "1.0.0")),
        type=ComponentType.APPLICATION,
        bom_ref=name,
        description=capture.contract.title or None,
        properties=_properties(
            notebook=provenance.notebook,
            code_sha256=provenance.sha256,
            git_commit=provenance.git_commit,
            python=provenance.python,
        ),
    )


def _licence(words: str) -> License:
    with _READING:
        return LicenseFactory().make_from_string(words)


def _package(pin: Pin) -> Component:
    """A package of an index, or of a repository or an archive."""
    place = {"vcs_url" if "+" in pin.url.split(":")[0] else "download_url": pin.url}
    purl = PackageURL(
        "pypi",
        None,
        pin.name,
        pin.version,
        place if pin.url else {"repository_url": pin.index} if pin.index else None,
    )
    page = f"{(pin.index or USUAL_INDEX).rstrip('/')}/{pin.name}/"
    return Component(
        name=pin.name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        licenses=[_licence(pin.licence)] if pin.licence else None,
        external_references=[
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(f"{page}#{file.name}"),
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)],
            )
            for file in pin.files
        ],
        properties=_properties(
            why=pin.why, layer="web" if pin.web else "model", platforms=pin.marker
        ),
    )


def _roots(capture: Capture, pins: dict[str, Component]) -> list[Component]:
    """What the service itself needs, and what no other package asks for."""
    asked_for = {name for pin in shipped_pins(capture) for name in pin.requires}
    return [pins[p.name] for p in shipped_pins(capture) if p.direct or p.name not in asked_for]


def _saved(artifact: Artifact, capture: Capture) -> Component:
    """A value of the notebook."""
    is_served = any(e.call.startswith(f"{artifact.name}.") for e in capture.contract.entries)
    library, dot, _ = artifact.type.partition(".")
    is_model = is_served or (bool(dot) and library not in _DATA)
    return _file(
        f"{capture.package}/artifacts/{artifact.file}",
        ComponentType.MACHINE_LEARNING_MODEL if is_model else ComponentType.DATA,
        artifact.data,
        name=artifact.name,
        type=artifact.type,
        format=artifact.format,
        pickle=artifact.audit,
        cell=artifact.cell,
    )


def _native(part: NativeFile, capture: Capture) -> Component:
    """A model or table that its own library saved."""
    is_table = part.format == "parquet"
    return _file(
        f"{capture.package}/artifacts/{part.file}",
        ComponentType.DATA if is_table else ComponentType.MACHINE_LEARNING_MODEL,
        part.data,
        type=part.type,
        format=part.format,
        saved_by=f"{part.library} {part.version}".strip(),
    )


def _shipped(file: ShippedFile, capture: Capture) -> Component:
    """A local module, or a data file."""
    if file.kind == "module":
        return _file(file.path, ComponentType.FILE, file.data)
    return _file(f"{capture.package}/files/{file.path}", ComponentType.DATA, file.data)


def _file(path: str, kind: ComponentType, data: bytes, **about: Any) -> Component:
    return Component(
        name=path,
        type=kind,
        bom_ref=path,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256(data).hexdigest())],
        properties=_properties(**about),
    )


def _properties(**values: Any) -> list[Property]:
    return [
        Property(name=f"nb2service:{name}", value=str(value))
        for name, value in values.items()
        if value not in (None, "")
    ]
