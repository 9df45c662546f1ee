"""A worker as a process of its own: `python -m runs.sweep.process OUT`, started by `runs.sweep.local`.

It ends when its standard input does, which the driver alone holds open.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import sys
import threading
import warnings
from pathlib import Path

from runs.sweep.worker import DISK_FULL, DiskFull, run_worker, say


def main() -> None:
    """Works on the sweep until no run is free; exit code 0, or 3 where the disk was full."""
    parser = argparse.ArgumentParser(prog="python -m runs.sweep.process", description="Work on a sweep.")
    parser.add_argument("out", type=Path, help="directory of the sweep")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver ends its workers
    faulthandler.enable()
    warnings.showwarning = lambda message, *where, **more: say(f"warning: {message}")
    threading.Thread(target=_end_with_driver, args=(sys.stdin.fileno(),), daemon=True).start()
    try:
        run_worker(arguments.out)
    except DiskFull:
        sys.exit(DISK_FULL)


def _end_with_driver(pipe: int) -> None:
    """Ends this process, at whatever moment, when nobody holds the other end of the pipe any more."""
    while os.read(pipe, 4096):
        continue
    os._exit(1)


if __name__ == "__main__":
    main()
