"""The cells of a conversion's table: one file each, so that what is finished is never computed again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from runs.bench.options import ConversionBench, Gain, Scheme
from runs.config import ConfigError
from runs.directory import Row
from runs.files import write_json


@dataclass(frozen=True)
class Cell:
    """A conversion: to dt by a scheme and a gain, trained for some epochs more. dt = 1 has neither."""

    dt: int
    scheme: Scheme = "exponential"
    gain: Gain = "integral"
    finetune: int = 0

    @property
    def name(self) -> str:
        """Of the file."""
        kind = "lava-dl" if self.dt == 1 else f"{self.scheme}-{self.gain}"
        return f"{kind}-dt{self.dt}{f'-tuned{self.finetune}' if self.finetune else ''}"

    @property
    def untuned(self) -> Cell:
        return Cell(self.dt, self.scheme, self.gain)


def cells(options: ConversionBench) -> list[Cell]:
    """All cells that the options ask for, the baseline first, untuned ones before tuned ones."""
    found = []
    for finetune in dict.fromkeys((0, options.finetune)):
        found.append(Cell(1, finetune=finetune))
        for scheme in options.schemes:
            for gain in options.gains:
                found += [Cell(dt, scheme, gain, finetune) for dt in options.dts]
    return found


class CellStore:
    """Finished cells in the folder ``cells`` of a directory, and the one set of options they belong to.

    Raises:
        ConfigError: the directory holds results of other options, or something else.
    """

    def __init__(self, path: Path, identity: Row) -> None:
        self._folder = path / "cells"
        config = path / "config.json"
        if config.exists():
            held = json.loads(config.read_text(encoding="utf-8"))
            other = [key for key in {**held, **identity} if held.get(key) != identity.get(key)]
            if other:
                told = ", ".join(f"{key} = {held.get(key)} (asked for: {identity.get(key)})" for key in other[:3])
                raise ConfigError(
                    f"{path} holds a conversion with other options, {told}: give another --out, or the same options"
                )
        elif path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ConfigError(f"{path} holds something, but no conversion: give --out a directory that is new or empty")
        self._folder.mkdir(parents=True, exist_ok=True)
        if not config.exists():
            write_json(config, identity)

    def load(self, cell: Cell) -> Row | None:
        """What was found for the cell; None where it is not finished."""
        try:
            found: Row = json.loads((self._folder / f"{cell.name}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ConfigError(
                f"{self._folder / cell.name}.json is not valid JSON ({error}): remove it to compute it again"
            ) from None
        return found

    def save(self, cell: Cell, row: Row) -> None:
        write_json(self._folder / f"{cell.name}.json", row)
