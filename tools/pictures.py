"""Take the documentation's picture of a schema page.

    python -m tools.pictures           tools/shop -> docs/assets/schema.png

The migrations of tools/shop are applied to a new database of `manticore local`'s server, `manticore
docs` writes its page, and a Chromium without a window takes the picture. The database is dropped.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from manticore_cockroachdb import Database, Migration

ROOT = Path(__file__).resolve().parent.parent
SHOP = ROOT / "tools" / "shop"
PICTURE = ROOT / "docs" / "assets" / "schema.png"
SIZE = "1180,760"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
LARGEST = 150_000  # bytes; what a README may load


def page(directory: Path) -> Path:
    """Write the schema's page into this directory and return its path."""
    name = f"shop_{secrets.token_hex(4)}"
    with Database.from_url("local:") as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            with Database.from_url(f"local:?dbname={name}") as db:
                Migration(db, str(SHOP)).migrate()
            command = ["manticore", "docs", "--url", f"local:?dbname={name}", "--dir", str(SHOP)]
            command += ["--title", "shop", "--format", "html", "-o", str(directory / "schema.html")]
            subprocess.run(command, check=True)
        finally:
            server.execute(f"DROP DATABASE {name}")
    return directory / "schema.html"


def browser() -> str:
    """The path of a browser of Chromium's kind."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit(f"no browser here: none of {', '.join(BROWSERS)} is on PATH")
    return found


def take(html: Path, picture: Path, size: str, *, dark: bool = False) -> None:
    """Take a picture of a page."""
    # Chromium keeps its own notes of every page; they go with the directory.
    with tempfile.TemporaryDirectory(prefix="manticore-picture-") as own:
        command = [
            browser(),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
        ]
        command += [f"--user-data-dir={own}", f"--window-size={size}", f"--screenshot={picture}"]
        command += [f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
        command += ["--virtual-time-budget=4000", html.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


def main() -> int:
    """Make the page, take the picture, and see that it is small."""
    argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0]).parse_args()
    with tempfile.TemporaryDirectory(prefix="manticore-shop-") as directory:
        take(page(Path(directory)), PICTURE, SIZE)
    bytes_ = PICTURE.stat().st_size
    print(f"wrote {PICTURE.relative_to(ROOT)} ({bytes_:,} bytes)")
    if bytes_ > LARGEST:
        raise SystemExit(f"that is more than {LARGEST:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
