"""``LICENSES.md``: under which licence each package of the service is."""

from __future__ import annotations

from ..capture.model import Capture
from ..capture.pins import Pin
from .templates import fill


def shipped_pins(capture: Capture) -> tuple[Pin, ...]:
    """What the service is installed with on any platform."""
    return capture.lock.pins if capture.lock else capture.requirements


def render_licences(capture: Capture) -> str:
    """``LICENSES.md``."""
    pins = shipped_pins(capture)
    return fill(
        "LICENSES.md.j2",
        pins=pins,
        silent=[pin.name for pin in pins if not pin.licence and not pin.marker],
        elsewhere=[pin.name for pin in pins if not pin.licence and pin.marker],
    )
