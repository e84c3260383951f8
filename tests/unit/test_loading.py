"""What loading nb2service costs a notebook."""

from __future__ import annotations

import subprocess
import sys

# Each takes a good part of a second, and a notebook may do without any of them.
SLOW = ("nbformat", "jsonschema", "nbclient", "nbconvert", "numpy", "pandas", "sklearn")


def test_load_ext_imports_nothing_slow() -> None:
    code = (
        "import sys, IPython\n"
        "before = set(sys.modules)\n"
        "import nb2service.magic\n"
        "print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "nb2service.deployment" in loaded
    assert not [name for name in SLOW if name in loaded]
