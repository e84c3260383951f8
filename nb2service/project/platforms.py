"""The platforms that a service is installed on, and the wheels that fit each."""

from __future__ import annotations

import platform
import sys
from collections.abc import Collection
from dataclasses import dataclass

from packaging.markers import Marker
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from ..capture.pins import Pin

# The newest GNU C library that a wheel may ask for: that of Debian 12.
_GLIBC = 36
_TAGS = {
    "linux": ("linux_", "manylinux", "musllinux_"),
    "darwin": ("macosx_",),
    "win32": ("win_",),
}


@dataclass(frozen=True)
class Platform:
    """An operating system on one kind of processor, as PEP 508 names them."""

    system: str
    machine: str

    @property
    def name(self) -> str:
        """As people and images call it: ``linux/arm64``."""
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(self.machine, self.machine)
        return f"{self.system}/{machine}"

    @property
    def marker(self) -> str:
        """What is true on this platform alone."""
        return f"sys_platform == '{self.system}' and platform_machine == '{self.machine}'"

    def needs(self, marker: str, python: str) -> bool:
        """Whether what has this marker is installed here.

        Args:
            marker: as PEP 508 has it; "" is always true.
            python: full version.
        """
        return not marker or Marker(marker).evaluate(
            {
                "sys_platform": self.system,
                "platform_machine": self.machine,
                "platform_system": {"darwin": "Darwin", "win32": "Windows"}.get(
                    self.system, self.system.capitalize()
                ),
                "platform_release": "",
                "platform_version": "",
                "os_name": "nt" if self.system == "win32" else "posix",
                "implementation_name": "cpython",
                "implementation_version": python,
                "platform_python_implementation": "CPython",
                "python_full_version": python,
                "python_version": ".".join(python.split(".")[:2]),
                "extra": "",
            }
        )

    def takes(self, tag: str) -> bool:
        """Whether a wheel for ``tag``, such as ``macosx_11_0_arm64``, can be for this platform."""
        return tag == "any" or (
            tag.startswith(_TAGS.get(self.system, ()))
            and tag.endswith((self.machine.lower(), "universal2"))
        )

    @property
    def tags(self) -> list[str]:
        """The tags of wheels for a Debian of this platform, as PEP 600 has them; best first."""
        known = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
        tags = []
        for minor in range(_GLIBC, 4, -1):
            tags.append(f"manylinux_2_{minor}_{self.machine}")
            tags += [f"{known[minor]}_{self.machine}"] if minor in known else []
        return [*tags, f"linux_{self.machine}"]

    def wheel_of(self, pin: Pin, python: str) -> str:
        """The wheel of a pin that an installer takes on a Debian of this platform; "" for none."""
        version = [int(part) for part in python.split(".")[:2]]
        tags = [
            *cpython_tags(version, platforms=self.tags),
            *compatible_tags(version, f"cp{version[0]}{version[1]}", self.tags),
        ]
        order = {tag: place for place, tag in enumerate(tags)}
        best = {
            min(order[tag] for tag in fitting): file.name
            for file in pin.files
            if file.name.endswith(".whl")
            and (fitting := parse_wheel_filename(file.name)[3] & order.keys())
        }
        return best[min(best)] if best else ""


LINUX = (Platform("linux", "x86_64"), Platform("linux", "aarch64"))
"""Where services run."""


def platforms() -> tuple[Platform, ...]:
    """Where services run, where people try them out, and this machine's."""
    here = Platform(sys.platform, platform.machine())
    return tuple(dict.fromkeys((*LINUX, Platform("darwin", "arm64"), here)))


def marker_of(some: Collection[Platform], every: Collection[Platform]) -> str:
    """What is true on some of these platforms and on no other of them; "" if it is on all."""
    if len(set(some)) == len(set(every)):
        return ""
    said = []
    for system in dict.fromkeys(each.system for each in some):
        of_system = [each for each in every if each.system == system]
        if all(each in some for each in of_system):
            said.append(f"sys_platform == '{system}'")
        else:
            said += [each.marker for each in some if each.system == system]
    return " or ".join(sorted(said))
