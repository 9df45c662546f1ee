"""Runs a Lava process in stretches, and leaves no process of Lava's behind, however it ends."""

from __future__ import annotations

import contextlib
import io
import signal
import threading
import time
from types import TracebackType
from typing import Any

from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.runtime.mgmt_token_enums import MGMT_RESPONSE, enum_equal

from lava_dt.export.simulation import end, interrupts_held_back

_POLL = 0.001  # seconds
_GRACE = 5.0  # seconds from an error's arrival to its message's


class Session:
    """A context in which a Lava process runs; between stretches its variables can be read.

    Lava waits for ever when one of its processes fails, and its processes take Ctrl-C for theirs. Here they never see
    it, and are ended when the context is left, also by SIGTERM, which raises KeyboardInterrupt as Ctrl-C does.

    Args:
        process: fresh; the network and all that is connected to it.
    """

    def __init__(self, process: Any) -> None:
        self._process = process
        self._terminated: Any = None

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminated is not None:
            signal.signal(signal.SIGTERM, self._terminated)
        runtime = self._process.runtime
        if runtime is None:
            return
        if kind is None and runtime._is_started:
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    self._process.stop()
                return
            except BaseException:
                end(runtime)
                raise
        end(runtime)

    def start(self) -> None:
        """Compiles and starts Lava's processes, which then wait."""
        with contextlib.redirect_stdout(io.StringIO()), interrupts_held_back():
            self._process.create_runtime(run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
        self._catch_sigterm()  # not before: Lava's processes would inherit the handler, and SIGTERM must end them

    def run(self, steps: int, timeout: float) -> None:
        """Runs on for some steps.

        Raises:
            RuntimeError: one of Lava's processes failed; the message is its exception's.
            TimeoutError: it took longer than ``timeout`` seconds.
        """
        with contextlib.redirect_stdout(io.StringIO()):
            self._process.run(condition=RunSteps(num_steps=steps, blocking=False))
            _wait(self._process.runtime, timeout)
            self._process.wait()

    def _catch_sigterm(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._terminated = signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _wait(runtime: Any, timeout: float) -> None:
    """Until Lava answers that it is done. Raises as `Session.run`."""
    answers, actors = runtime.service_to_runtime, runtime._messaging_infrastructure.actors
    until = time.monotonic() + timeout
    while not all(answer.probe() and enum_equal(answer.peek(), MGMT_RESPONSE.DONE) for answer in answers):
        any_dead = not all(actor.is_alive() for actor in actors)  # before asking why
        failures = [actor.exception for actor in actors if actor.exception]
        if failures:
            raise RuntimeError(f"a process of the Lava network failed: {failures[0][0]!r}")
        if any_dead:
            raise RuntimeError("a process of the Lava network ended early: it was killed, perhaps for want of memory")
        if all(answer.probe() for answer in answers):
            until = min(until, time.monotonic() + _GRACE)
        if time.monotonic() > until:
            raise TimeoutError(f"the Lava network was not done after {timeout:g} s: it hangs, or the machine is busy")
        time.sleep(_POLL)
