"""Packages made on the spot, and a folder of them that stands for an index."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import textwrap
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# Builds itself: no build backend has to be downloaded.
BACKEND = """
import os, zipfile
def _wheel(folder, files):
    info = "{name}-1.0.dist-info"
    files[f"{info}/METADATA"] = "Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[f"{info}/RECORD"] = "".join(f"{path},,\\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(os.path.join(folder, "{name}-1.0-py3-none-any.whl"), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return "{name}-1.0-py3-none-any.whl"
def build_wheel(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {"{name}.py": open("{name}.py").read()})
def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {"{name}.pth": os.getcwd() + "\\n"})
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    requires: Sequence[str] = (),
    code: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
) -> str:
    """Write a wheel, of pure Python whatever its tag says; its sha256."""
    folder.mkdir(exist_ok=True, parents=True)
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    extras = {text.partition("extra == ")[2].strip("'") for text in requires} - {""}
    head = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    head += [f"Provides-Extra: {extra}" for extra in sorted(extras)]
    head += [f"Requires-Dist: {text}" for text in requires]
    files = {
        **(code or {f"{module}.py": f"VERSION = {version!r}\n"}),
        f"{info}/METADATA": "\n".join(head) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{path},,{len(text)}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    path = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_index(folder: Path, *packages: tuple[str, str]) -> str:
    """Write an index of packages (name, version); its URL."""
    for name, version in packages:
        make_wheel(folder / name, name, version)
        links = [
            f'<a href="{wheel.name}">{wheel.name}</a>' for wheel in (folder / name).glob("*.whl")
        ]
        (folder / name / "index.html").write_text("\n".join(links))
    return folder.as_uri()


@contextmanager
def served(folder: Path, login: str = "", hashes: bool = True) -> Iterator[str]:
    """The URL of an index that has the wheels in a folder; asks for ``user:password``, if any."""

    class Index(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = base64.b64encode(login.encode()).decode()
            place = self.path.strip("/")
            if login and self.headers["Authorization"] != f"Basic {wanted}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
                body = b""
            elif place.endswith(".whl"):
                self.send_response(200)
                body = (folder / Path(place).name).read_bytes()
            else:
                module = place.rpartition("/")[2].replace("-", "_")
                wheels = sorted(folder.glob(f"{module}-*.whl"))
                self.send_response(200 if wheels else 404)
                self.send_header("Content-Type", "text/html")
                body = "".join(map(self.link, wheels)).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def link(self, wheel: Path) -> str:
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            fragment = f"#sha256={digest}" if hashes else ""
            return f'<a href="/files/{wheel.name}{fragment}">{wheel.name}</a>\n'

        def log_message(self, *said: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://{login}{'@' if login else ''}127.0.0.1:{server.server_port}/simple"
        finally:
            server.shutdown()
            thread.join()


def make_source(folder: Path, name: str) -> None:
    """Write a source tree of one module, which builds itself."""
    folder.mkdir(parents=True)
    (folder / f"{name}.py").write_text("VALUE = 1\n")
    (folder / "backend.py").write_text(textwrap.dedent(BACKEND).replace("{name}", name))
    (folder / "pyproject.toml").write_text(PROJECT)


def make_repository(folder: Path, name: str) -> str:
    """Write a git repository of one module; its commit."""
    make_source(folder, name)
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    head = ["git", "rev-parse", "HEAD"]
    return subprocess.run(
        head, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()
