"""Where tests find the checkout, and data that may lie beside it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"  # large files that are no part of the repository; tests skip without them
