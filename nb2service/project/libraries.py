"""Which Debian package has a shared library that a service loads."""

from __future__ import annotations

import re

# soname without its number → package, where the name alone does not tell. ``{}`` is the number.
_PACKAGES = {
    "libGL": "libgl1",
    "libEGL": "libegl1",
    "libICE": "libice6",
    "libSM": "libsm6",
    "libX11": "libx11-6",
    "libXext": "libxext6",
    "libXrender": "libxrender1",
    "libblas": "libblas3",
    "libcairo": "libcairo2",
    "libcurl": "libcurl4",
    "libexpat": "libexpat1",
    "libfontconfig": "libfontconfig1",
    "libfreetype": "libfreetype6",
    "libgeos_c": "libgeos-c1v5",
    "libgfortran": "libgfortran{}",
    "libglib-2.0": "libglib2.0-0",
    "libgobject-2.0": "libglib2.0-0",
    "libgthread-2.0": "libglib2.0-0",
    "libgomp": "libgomp1",
    "liblapack": "liblapack3",
    "libmagic": "libmagic1",
    "libmariadb": "libmariadb3",
    "libnuma": "libnuma1",
    "libodbc": "unixodbc",
    "libomp": "libomp5",
    "libopenblas": "libopenblas0",
    "libpango-1.0": "libpango-1.0-0",
    "libpangocairo-1.0": "libpangocairo-1.0-0",
    "libportaudio": "libportaudio2",
    "libpq": "libpq5",
    "libproj": "libproj{}",
    "libquadmath": "libquadmath0",
    "libsndfile": "libsndfile1",
    "libtbb": "libtbb{}",
    "libusb-1.0": "libusb-1.0-0",
    "libxcb": "libxcb1",
    "libxml2": "libxml2",
    "libxslt": "libxslt1.1",
    "libyaml-0": "libyaml-0-2",
    "libzmq": "libzmq5",
}
# In every image of Python, or brought by it; and what a graphics card's driver puts there.
_PRESENT = re.compile(
    r"(ld-linux.*|lib(?:c|m|dl|rt|pthread|util|resolv|anl|crypt|nsl|nss_.*|tirpc|gcc_s|stdc\+\+|z|bz2"
    r"|lzma|zstd|ssl|crypto|ffi|uuid|sqlite3|readline|history|ncurses.*|tinfo|panel.*|db.*|gdbm.*"
    r"|mpdec|python.*|cuda|nvidia.*|nvcuvid))"
)


def debian_package(soname: str) -> str:
    """The package that has it; "" where none is known."""
    stem, _, number = soname.partition(".so")
    return _PACKAGES.get(stem, "").format(number.strip("."))


def is_present(soname: str) -> bool:
    """Whether every image of Python has the library, or a driver brings it."""
    return bool(_PRESENT.fullmatch(soname.partition(".so")[0]))
