"""How the Numba kernels run in parallel: compiled functions that release the GIL, on Python threads.

Not Numba's ``parallel=True``, for three reasons. It doubles the time of the first compilation. Its static division of
the work waits for the slowest thread: on a machine that is busy with something else two threads were slower than one
by a factor of three, while here the calling thread takes over what the others do not get to. And GNU OpenMP, which it
runs on, does not survive a fork, which is how Lava starts its processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count

from numba import config

PIECES_A_THREAD = 4
LEAST_UPDATES = 4_000_000  # some 1 to 2 ms of work; waking another thread takes up to some tenths of a millisecond

_wanted: ContextVar[int | None] = ContextVar("threads", default=None)
_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def run_pieces(n: int, piece: Callable[[int, int], object], updates: int = LEAST_UPDATES) -> None:
    """Call ``piece(first, end)`` for ranges that make up ``range(n)``, on as many threads as Numba may use.

    ``updates``: about how many numbers all pieces together update; with fewer than ``LEAST_UPDATES`` the calling thread
    does it all, for others would be awake too late.

    ``piece`` must release the GIL and write to places of its own: which thread runs what is left open. The number of
    threads is that of the environment variable ``NUMBA_NUM_THREADS``, by default all cores, or what
    :func:`use_threads` says. (Asking Numba for the value of ``set_num_threads`` would start its own threads and fix the
    way in which processes are started.)

    Ctrl-C while Numba hands a piece's arrays over becomes a SystemError there; the KeyboardInterrupt that it was comes
    out of here.
    """
    threads = min(_wanted.get() or config.NUMBA_NUM_THREADS, n)
    if updates < LEAST_UPDATES:
        threads = 1
    try:
        _run(n, piece, threads)
    except SystemError as error:
        cause: BaseException | None = error
        while isinstance(cause, SystemError):  # one for every function that Ctrl-C went through
            cause = cause.__cause__
        if isinstance(cause, KeyboardInterrupt):
            raise cause from None
        raise


def _run(n: int, piece: Callable[[int, int], object], threads: int) -> None:
    if threads <= 1:
        piece(0, n)
        return
    pieces = min(n, threads * PIECES_A_THREAD)
    tickets = count()

    def work() -> None:
        while (ticket := next(tickets)) < pieces:
            piece(ticket * n // pieces, (ticket + 1) * n // pieces)

    others = [_pool(threads - 1).submit(work) for _ in range(threads - 1)]
    work()
    for other in others:
        if not other.cancel():  # one that has not begun is not waited for: nothing is left to do
            other.result()


@contextmanager
def use_threads(threads: int) -> Iterator[None]:
    """Within it ``run_pieces``, called by this thread, runs on so many threads whatever the environment says.

    Raises
    ------
    ValueError: fewer than one.
    """
    if threads < 1:
        raise ValueError(f"threads is {threads}: at least 1 is needed, the calling thread itself")
    token = _wanted.set(threads)
    try:
        yield
    finally:
        _wanted.reset(token)


def _pool(threads: int) -> ThreadPoolExecutor:
    """A pool of this process; a forked child has none of its parent's threads and starts its own."""
    key = (os.getpid(), threads)
    if key not in _pools:
        _pools[key] = ThreadPoolExecutor(threads, "bats_dt")
    return _pools[key]
