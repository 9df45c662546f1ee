"""What `lava-dt bench results` can be told."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class ResultsBench(BaseModel):
    """The commands that read run directories, on many of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runs: int = Field(10_000, ge=1, description="run directories to make up")
    epochs: int = Field(15, ge=1, description="of each run")
    repeats: int = Field(3, ge=1, description="timed rounds of every command")
    out: Path | None = Field(None, description="a new directory for the results")
