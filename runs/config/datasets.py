"""What networks can learn: the data sets' names, and how images become spikes."""

from __future__ import annotations

from typing import Any, Literal, get_args

DatasetName = Literal["mnist", "nmnist"]
EncodingName = Literal["latency", "rate"]
IMAGES = ("mnist",)  # the others hold events


def fill_encoding(values: dict[str, Any], usual: DatasetName) -> dict[str, Any]:
    """The values of a configuration with the encoding that is usual for their data set, where they name none."""
    dataset = values.get("dataset", usual)
    if values.get("encoding") is None:
        return {**values, "encoding": usual_encoding(dataset)}
    return values


def usual_encoding(dataset: str) -> str | None:
    """Images become one spike a pixel; events are left as they are."""
    return "latency" if dataset in IMAGES else None


def idle_encoding(encoding: str | None) -> set[str]:
    """Settings of other encodings than this one."""
    return {"window", "peak_rate"} - {"window" if encoding == "latency" else "peak_rate" if encoding == "rate" else ""}


def check_encoding(dataset: str, encoding: str | None) -> None:
    """Refuses to encode what are events already.

    Raises:
        ValueError: an encoding for a data set of events.
    """
    if dataset not in IMAGES and encoding is not None:
        known = " or ".join(name for name in get_args(DatasetName) if name in IMAGES)
        raise ValueError(f"encoding = {encoding}, but {dataset} holds events already: leave it out, or take {known}")
