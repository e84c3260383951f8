"""Which wheels fit which platform, and how a line says where it holds."""

from __future__ import annotations

import pytest
from packaging.markers import Marker

from nb2service.capture.pins import LockedFile, Pin
from nb2service.project.platforms import LINUX, Platform, marker_of

AMD64, ARM64 = LINUX
MAC = Platform("darwin", "arm64")
WINDOWS = Platform("win32", "AMD64")
EVERY = (AMD64, ARM64, MAC, WINDOWS)


@pytest.mark.parametrize(
    ("tags", "taken"),
    [
        (["py3-none-any"], "py3-none-any"),
        (["py2.py3-none-any"], "py2.py3-none-any"),
        (["cp38-abi3-manylinux2014_x86_64"], "cp38-abi3-manylinux2014_x86_64"),
        (["cp312-abi3-manylinux2014_x86_64", "cp312-cp312-manylinux2014_x86_64"], ""),
        (["cp311-cp311-manylinux2014_aarch64", "cp311-cp311-musllinux_1_2_x86_64"], ""),
        (["cp311-cp311-manylinux_2_39_x86_64", "cp311-cp311-macosx_11_0_universal2"], ""),
        (
            ["py3-none-any", "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"],
            "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
        ),
        (
            ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_28_x86_64"],
            "cp311-cp311-manylinux_2_28_x86_64",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_the_wheel_that_an_installer_takes(tags: list[str], taken: str) -> None:
    names = ["thing-1.0.tar.gz", *(f"thing-1.0-{tag}.whl" for tag in tags)]
    pin = Pin("thing", "1.0", "", True, files=tuple(LockedFile(name, "0") for name in names))
    assert AMD64.wheel_of(pin, "3.11.7") == (taken and f"thing-1.0-{taken}.whl")


@pytest.mark.parametrize(
    ("platform", "tag", "takes"),
    [
        (AMD64, "any", True),
        (AMD64, "manylinux_2_28_x86_64", True),
        (AMD64, "musllinux_1_2_x86_64", True),
        (AMD64, "macosx_11_0_x86_64", False),
        (ARM64, "manylinux_2_28_x86_64", False),
        (MAC, "macosx_11_0_arm64", True),
        (MAC, "macosx_10_9_universal2", True),
        (MAC, "macosx_10_9_x86_64", False),
        (WINDOWS, "win_amd64", True),
        (WINDOWS, "win32", False),
    ],
)
def test_files_that_can_be_for_a_platform(platform: Platform, tag: str, takes: bool) -> None:
    assert platform.takes(tag) is takes


@pytest.mark.parametrize(
    "some",
    [EVERY, (AMD64,), (AMD64, ARM64), (ARM64, MAC), (MAC,), (AMD64, ARM64, MAC), (WINDOWS,)],
    ids=lambda some: " ".join(platform.name for platform in some),
)
def test_a_marker_holds_there_and_nowhere_else(some: tuple[Platform, ...]) -> None:
    marker = marker_of(some, EVERY)
    assert [platform for platform in EVERY if platform.needs(marker, "3.11.7")] == list(some)
    assert not marker or str(Marker(marker))


def test_a_marker_is_as_short_as_it_can_be() -> None:
    assert marker_of(EVERY, EVERY) == ""
    assert marker_of(LINUX, EVERY) == "sys_platform == 'linux'"
    assert marker_of((ARM64,), LINUX) == "sys_platform == 'linux' and platform_machine == 'aarch64'"
