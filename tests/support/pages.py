"""Read the pages and the README: their code blocks and their links."""

import re
from pathlib import Path

from support.places import DOCS, ROOT

TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def blocks(path: Path, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return [body for name, body in _BLOCK.findall(path.read_text()) if name == language]


def links(path: Path) -> list[str]:
    """Return the targets of the links and pictures that lead to files of the project, without their anchors."""
    targets = (target.partition("#")[0] for target in _LINK.findall(path.read_text()))
    return [target for target in targets if target and "://" not in target]
