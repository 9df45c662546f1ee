"""How a network's input is made of data, and its answer of spikes: kept in the attributes of its file."""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

Kind = Literal["events", "latency"]
Decision = Literal["count", "first"]


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """What a file says beside the network; netx and `lava_dt.export.read_hdf5` ignore it.

    Args:
        input: ``events``: N-MNIST's, counted in every step (a bin of dt fine steps). ``latency``: MNIST's pixels, each
            with one spike at window * (1 - p / 255) seconds, put on the network's steps.
        steps: fine steps that a sample lasts, its input's and what the network goes on for.
        window: seconds in which pixels spike; None for events.
        published_dt: seconds by which the published loader distorts pixels (`runs.data.latency_times`); None: not.
        decision: the class whose output neuron spikes most often, ``count``, or ``first``.
        limit: spikes of an output neuron that count; None: all.

    Raises:
        ValueError: values that are none of these.
    """

    input: Kind
    steps: int
    window: float | None = None
    published_dt: float | None = None
    decision: Decision = "count"
    limit: int | None = None

    def __post_init__(self) -> None:
        for name, value, known in (("input", self.input, Kind), ("decision", self.decision, Decision)):
            if value not in get_args(known):
                raise ValueError(f"{name} is {value!r}: it must be one of {', '.join(get_args(known))}")
        if not 1 <= self.steps < 1 << 31:
            raise ValueError(f"steps is {self.steps}: a sample lasts 1 step or more")
        for name, number in (("published_dt", self.published_dt), ("limit", self.limit)):
            if number is not None and not 0 < number < math.inf:
                raise ValueError(f"{name} is {number}: it must be above 0")
        timed = self.window is not None and 0 < self.window < math.inf
        if timed != (self.input == "latency"):
            raise ValueError(f"window is {self.window}: latencies need one above 0 seconds, and events have none")


_ATTRIBUTES: dict[str, tuple[str, type]] = {
    "input": ("input_encoding", str),
    "steps": ("input_steps", int),
    "window": ("input_window", float),
    "published_dt": ("input_published_dt", float),
    "decision": ("output_decision", str),
    "limit": ("output_limit", int),
}


def write_encoding(path: Path, encoding: Encoding) -> None:
    """Adds the encoding to a network file that is there; the file is replaced only when the new one is complete."""
    import h5py

    draft = path.with_name(f".{path.name}.{os.getpid()}.encoded")
    try:
        shutil.copyfile(path, draft)
        with h5py.File(draft, "r+") as file:
            for name, (attribute, _) in _ATTRIBUTES.items():
                value = getattr(encoding, name)
                if value is None:
                    file.attrs.pop(attribute, None)
                else:
                    file.attrs[attribute] = value
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def read_encoding(path: Path) -> Encoding | None:
    """The encoding in a network file that `lava_dt.export.parse` has accepted; None where it says none.

    Raises:
        ValueError: attributes that make no sense, by the file's name.
    """
    import h5py

    values: dict[str, Any] = {}
    with h5py.File(path, "r") as file:
        for name, (attribute, kind) in _ATTRIBUTES.items():
            if attribute in file.attrs:
                values[name] = _plain(file.attrs[attribute], kind, f"{path} has the attribute {attribute}")
    if "input" not in values or "steps" not in values:
        return None
    try:
        return Encoding(**values)
    except ValueError as error:
        raise ValueError(f"{path} is encoded in a way that is not known: {error}") from None


def _plain(value: Any, kind: type, where: str) -> Any:
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if getattr(value, "shape", ()) == () and hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, (kind, int) if kind is float else kind) or isinstance(value, bool):
        raise ValueError(f"{where} = {value!r}, where one {kind.__name__} is needed: write the file again")
    return kind(value)
