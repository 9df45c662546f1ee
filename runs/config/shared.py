"""What the configurations of all models share."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator


class ConfigError(ValueError):
    """A configuration that cannot be run; its text is one sentence for the user."""


class RunConfig(BaseModel):
    """Data, length, seed and size of a run."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    undiscretised: ClassVar[str]
    before: ClassVar[dict[str, Any]] = {}  # of keys that a saved run may lack: what it was trained with

    data: Path | None = Field(None, description="folder of the data set; without it, the small shipped set")
    epochs: int = Field(15, ge=1, description="passes over the training set; a longer run continues a shorter one")
    seed: int = Field(0, ge=0, lt=2**32, description="seeds weights and the order of the samples")
    batch: int = Field(32, ge=1, description="samples a training step")
    learning_rate: float = Field(1e-3, gt=0, description="of Adam")
    hidden: tuple[int, ...] = Field((512,), description="neurons of each hidden layer")
    train_samples: int | None = Field(None, ge=1, description="use only so many training samples, the first ones")
    test_samples: int | None = Field(None, ge=1, description="use only so many test samples, the first ones")
    epoch_samples: int | None = Field(
        None, ge=1, description="end an epoch after so many training samples, drawn anew each time"
    )

    @field_validator("hidden")
    @classmethod
    def _check_hidden(cls, hidden: tuple[int, ...]) -> tuple[int, ...]:
        if not hidden or min(hidden) < 1:
            raise ValueError(f"hidden = {list(hidden)}, but every network has a hidden layer of at least one neuron")
        return hidden

    def identity(self) -> dict[str, Any]:
        """Everything that must agree for a run to be continued: all but the number of epochs."""
        return {name: value for name, value in self.model_dump(mode="json").items() if name != "epochs"}

    def command(self) -> str:
        """The command line that repeats this run."""
        words = ["lava-dt", "train", str(self.model_dump()["model"])]
        defaults = self.defaults()
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name in ("model", "bins") or value == defaults[name] or (name == "dt" and self.is_baseline()):
                continue
            flag = name.replace("_", "-")
            if isinstance(value, bool):
                words.append(f"--{flag}" if value else f"--no-{flag}")
            else:
                words += [f"--{flag}", *map(str, value if isinstance(value, tuple) else [value])]
        return shlex.join(words)

    def defaults(self) -> dict[str, Any]:
        """What a run of this kind has where nothing is said."""
        return {name: field.get_default() for name, field in type(self).model_fields.items()}

    @classmethod
    def default_texts(cls) -> dict[str, str]:
        """The defaults in words, of the fields that have one."""
        fields = {name: field.get_default() for name, field in cls.model_fields.items()}
        return {name: shown(value) for name, value in fields.items() if value is not None}

    def idle(self) -> set[str]:
        """Settings that a run of this kind has no use for."""
        return set()

    def kind(self) -> str:
        """The model in a word or two."""
        return str(self.model_dump()["model"])

    def note(self, asked: Mapping[str, Any]) -> str | None:
        """What is not as the values `asked` for have it, in a sentence; None where all is."""
        return None

    def is_baseline(self) -> bool:
        """Whether this run is undiscretised."""
        raise NotImplementedError

    def step_text(self) -> str:
        """The step in words, with its unit and its bins."""
        raise NotImplementedError


def shown(value: Any) -> str:
    """A value as it is typed."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
