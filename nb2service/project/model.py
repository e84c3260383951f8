"""What a project is: the files of a service, and where they go."""

from __future__ import annotations

from dataclasses import dataclass

README = "README.md"
PROOF = "proof.json"
PAGE = "notebook.html"
SBOM = "sbom.cdx.json"
WHEELHOUSE = "wheelhouse"
# Made after the service is live: a first write leaves those that stand.
LATER = (PAGE, SBOM)

# What nb2service keeps for itself in a project.
STATE = ".nb2service"
GENERATED = f"{STATE}/generated.json"
BASE = f"{STATE}/base"
NOTEBOOK = f"{STATE}/notebook.ipynb"
LOCK = f"{STATE}/lock.json"


@dataclass(frozen=True)
class Project:
    """A service's files, not yet written.

    Attributes:
        name: the service's name (``churn``).
        package: its package (``churn_service``).
        files: posix path relative to the project's folder → content.
    """

    name: str
    package: str
    files: dict[str, bytes]

    def is_text(self, path: str) -> bool:
        """Whether the file is made for reading and editing, not an artifact or a data file."""
        return not path.startswith((f"{self.package}/artifacts/", f"{self.package}/files/"))


def is_needed(path: str) -> bool:
    """Whether the service or its proof cannot do without the file of a project."""
    folder, _, below = path.partition("/")
    if folder == "tests":
        return below.startswith("cases/")
    own = below or folder.endswith(".py") or folder == "requirements.txt"
    return bool(own) and folder != "deploy"
