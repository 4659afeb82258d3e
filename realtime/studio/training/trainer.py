"""The process of a training: ks-adapt, with a lock and a file that say what became of it.

    python -m knowledge_spreader.realtime.studio.training.trainer FOLDER ID MODULE [what its command takes]

FOLDER/.lock is held while the process lives, however it ends. So a process that has its number later is not taken for
it, and a second training does not begin. FOLDER/training.json says which model it makes and, at its end, how it ended.
"""

import importlib
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from knowledge_spreader.errors import DataError
from knowledge_spreader.files import write_json
from knowledge_spreader.realtime.studio.store.lock import FolderLock
from knowledge_spreader.realtime.studio.training.given import STATE

_LOCK_S = 2.0  # whoever looks whether the lock is held, holds it for an instant


def main(argv: Sequence[str]) -> int:
    folder, model_id, module, *arguments = argv
    with_lock = _locked(Path(folder))
    try:
        about = {"id": model_id, "pid": os.getpid(), "began": datetime.now(UTC).isoformat(timespec="seconds")}
        write_json(Path(folder) / STATE, about)
        code = 1
        try:
            code = int(importlib.import_module(module).main(arguments))  # after the lock: it takes a second
        finally:
            write_json(Path(folder) / STATE, {**about, "code": code})
        return code
    finally:
        with_lock.close()


def _locked(folder: Path) -> FolderLock:
    until_s = time.monotonic() + _LOCK_S
    while True:
        try:
            return FolderLock(folder)
        except DataError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.02)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except DataError as exc:
        print(f"error: {exc}", file=sys.stderr)
        sys.exit(2)
