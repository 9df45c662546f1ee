"""What networks can learn: the data sets' names, and how images become spikes."""

from __future__ import annotations

from typing import Any, Literal

DatasetName = Literal[
    "mnist",
    "fashion",
    "emnist",
    "emnist-balanced",
    "emnist-letters",
    "emnist-digits",
    "emnist-mnist",
    "emnist-bymerge",
    "emnist-byclass",
    "nmnist",
    "shd",
    "dvsgesture",
]
EncodingName = Literal["latency", "rate", "saccade"]
EVENTS = ("nmnist", "shd", "dvsgesture")  # the others hold images


def fill_encoding(values: dict[str, Any], usual: DatasetName) -> dict[str, Any]:
    """The values of a configuration with the encoding that is usual for their data set, where they name none."""
    dataset = values.get("dataset", usual)
    if values.get("encoding") is None:
        return {**values, "encoding": usual_encoding(dataset)}
    return values


def usual_encoding(dataset: str) -> str | None:
    """Images become one spike a pixel; events are left as they are."""
    return None if dataset in EVENTS else "latency"


def idle_encoding(encoding: str | None) -> set[str]:
    """Settings of other encodings than this one."""
    return {"window", "peak_rate"} - {"window" if encoding == "latency" else "peak_rate" if encoding == "rate" else ""}


def check_encoding(dataset: str, encoding: str | None) -> None:
    """Refuses to encode what are events already.

    Raises:
        ValueError: an encoding for a data set of events.
    """
    if dataset in EVENTS and encoding is not None:
        raise ValueError(f"encoding = {encoding}, but {dataset} holds events already: leave it out")
