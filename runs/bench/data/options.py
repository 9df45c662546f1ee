"""What `lava-dt bench data` can be told, checked once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from runs.bench.options import cores

DataSection = Literal["recordings", "loading"]


class DataBench(BaseModel):
    """Simulated recordings beside real ones, and the loaders beside the training that they feed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mnist: Path | None = Field(None, description="folder of MNIST; None: the shipped images")
    nmnist: Path | None = Field(None, description="folder of N-MNIST; None: the shipped recordings")
    quick: bool = Field(False, description="fewer recordings and rounds")
    only: tuple[DataSection, ...] = Field((), description="only these sections")
    recordings: int | None = Field(None, ge=4, description="to compare; None: 400, or 100 with --quick")
    repeats: int | None = Field(None, ge=1, description="timed rounds; None: 15, or 5 with --quick")
    fit: int | None = Field(None, ge=1, description="try so many cameras on half of the recordings, and use the best")
    threads: int = Field(default_factory=cores, ge=1, description="of loaders and training")
    seed: int = Field(0, ge=0, lt=2**32, description="of the simulated recordings, the search and the training")
    out: Path | None = Field(None, description="a new directory for the results")
