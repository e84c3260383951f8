"""What a service needs to be installed: pinned distributions, and the files that may be taken."""

from __future__ import annotations

from dataclasses import dataclass

# Where installers look that were told of no other place.
USUAL_INDEX = "https://pypi.org/simple"


@dataclass(frozen=True)
class LockedFile:
    """A file that an installer may take for a pin.

    Attributes:
        name: a wheel's or a source archive's file name.
        sha256: of its bytes, as hexadecimal digits.
    """

    name: str
    sha256: str


@dataclass(frozen=True)
class Pin:
    """One pinned distribution: ``name==version``, why it is there, and what asked for it.

    Attributes:
        name: normalised distribution name (PEP 503).
        version: the kernel's version.
        why: for a direct requirement, in words (``imported by cell [2]``); for a transitive
            one, ``via pandas``.
        direct: whether the notebook's code or an artifact names it.
        web: whether it belongs to the web layer only.
        url: where it is installed from if not from an index (``git+https://…@<commit>``):
            write ``name @ url`` in place of ``name==version``.
        index: the index that has this build, beside the usual one (``--extra-index-url``).
        licence: what its metadata says of it, or "".
        requires: the pinned distributions that it asks for, sorted.
        marker: the platforms that need it, as PEP 508 has them; "" for all.
        files: what may be installed for it, sorted; empty unless it is locked.
        private: whether it comes from another index of the kernel's settings than most do.
    """

    name: str
    version: str
    why: str
    direct: bool
    web: bool = False
    url: str = ""
    index: str = ""
    licence: str = ""
    requires: tuple[str, ...] = ()
    marker: str = ""
    files: tuple[LockedFile, ...] = ()
    private: bool = False

    @property
    def hashes(self) -> tuple[str, ...]:
        """Those of its files, as installers are told: ``sha256:…``."""
        return tuple(sorted({f"sha256:{file.sha256}" for file in self.files}))


@dataclass(frozen=True)
class Lock:
    """What is installed on each platform of the service, file by file.

    Attributes:
        pins: what the service runs with: the kernel's versions wherever the kernel has them, and
            what only another platform needs. Sorted by name.
        dev: all that its tests need, some of which ``pins`` has too.
    """

    pins: tuple[Pin, ...]
    dev: tuple[Pin, ...]
