"""Draw the documentation's diagrams, for the site.

    python -m tools.diagrams           each mermaid block of docs/ -> docs/assets/diagrams/

GitHub draws such a block itself; a site would have every reader's browser load Mermaid for it from
a public host. So the site shows a drawing, made here by Mermaid's own command line
(`npx @mermaid-js/mermaid-cli`, which wants Node.js and a Chromium) and kept in the repository. Its
name is a digest of the block: one that was changed has no drawing, and then no site is built.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .pictures import browser

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
DRAWN = DOCS / "assets" / "diagrams"
BLOCK = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LOOKS = {"theme": "neutral", "flowchart": {"wrappingWidth": 340, "nodeSpacing": 70}}


def drawing(block: str) -> str:
    """The name of the drawing of a block."""
    return f"{hashlib.sha256(block.encode()).hexdigest()[:12]}.svg"


def drawn(text: str, up: str) -> str:
    """A page with drawings where its blocks were; ``up`` leads from it to the top of docs/."""
    return BLOCK.sub(lambda found: f"![A diagram]({up}assets/diagrams/{drawing(found[1])})", text)


def missing(text: str) -> list[str]:
    """The blocks of a page that have no drawing, each by its first line."""
    return [b.partition("\n")[0] for b in BLOCK.findall(text) if not (DRAWN / drawing(b)).exists()]


def draw(block: str, to: Path) -> None:
    """Draw a block with Mermaid."""
    npx = shutil.which("npx")
    if npx is None:
        raise SystemExit("npx is not on PATH; it comes with Node.js")
    with tempfile.TemporaryDirectory(prefix="manticore-diagram-") as name:
        room = Path(name)
        chromium = {"executablePath": browser(), "args": ["--no-sandbox"]}
        (room / "browser.json").write_text(json.dumps(chromium))
        (room / "looks.json").write_text(json.dumps(LOOKS))
        (room / "block.mmd").write_text(block)
        command = [npx, "--yes", "--package", "@mermaid-js/mermaid-cli", "mmdc", "--quiet"]
        command += ["-p", "browser.json", "-c", "looks.json", "-b", "white"]
        command += ["-i", "block.mmd", "-o", str(to)]
        own = {**os.environ, "PUPPETEER_SKIP_DOWNLOAD": "1"}  # no browser but the one named
        subprocess.run(command, check=True, cwd=room, env=own, timeout=300)


def main() -> int:
    """Draw what has no drawing, and remove drawings of nothing."""
    argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0]).parse_args()
    blocks = {
        drawing(block): block
        for page in sorted(DOCS.rglob("*.md"))
        for block in BLOCK.findall(page.read_text(encoding="utf-8"))
    }
    DRAWN.mkdir(exist_ok=True)
    for old in DRAWN.glob("*.svg"):
        if old.name not in blocks:
            old.unlink()
            print(f"removed {old.relative_to(ROOT)}")
    for name, block in blocks.items():
        if not (DRAWN / name).exists():
            draw(block, DRAWN / name)
            print(f"wrote {(DRAWN / name).relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
