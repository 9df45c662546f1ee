"""What `lava-dt bench parity` compares, and a file for each case, so that what is finished is never run again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runs.bench.options import Clock, Network, ParityBench, Reset
from runs.config import ConfigError
from runs.directory import Row
from runs.files import write_json

FINE_STEPS = 300  # of 1 ms: a recording of N-MNIST
NETWORKS: dict[Network, str] = {
    "dense": "2312-256-10",
    "conv": "2x34x34, conv 8, pool, conv 16, 10",
    "delays": "2312-256-10, delays up to 80 ms",
    "recurrent": "2312-64 recurrent-10",
}


@dataclass(frozen=True)
class Case:
    """One network on one clock."""

    network: Network
    dt: int
    reset: Reset = "hard"
    clock: Clock = "coarse"

    @property
    def name(self) -> str:
        """Of the file."""
        return f"{self.network}-dt{self.dt}-{self.reset}{'-held' if self.held else ''}"

    @property
    def held(self) -> bool:
        """Whether it steps through fine steps of which only every dt-th is one of its neurons'."""
        return self.clock == "held" and self.dt > 1

    @property
    def steps(self) -> int:
        """Steps of its clock in a recording; dt need not divide the fine ones."""
        return FINE_STEPS if self.held else -(-FINE_STEPS // self.dt)


def cases(options: ParityBench) -> list[Case]:
    """All cases that the options ask for; dt = 1 has one clock."""
    return list(dict.fromkeys(_asked(options)))


def _asked(options: ParityBench) -> Iterator[Case]:
    dts = (1, 10) if options.quick else options.dts
    for network in options.only or NETWORKS:
        for dt in dts:
            for reset in options.resets:
                for clock in options.clocks:
                    yield Case(network, dt, reset, clock if dt > 1 else "coarse")


class CaseStore:
    """Finished cases in the folder ``cases`` of a directory, and the one set of options they belong to.

    Raises:
        ConfigError: the directory holds results of other options, or something else.
    """

    def __init__(self, path: Path, identity: Row) -> None:
        self._folder = path / "cases"
        config = path / "config.json"
        if config.exists():
            held = json.loads(config.read_text(encoding="utf-8"))
            other = [key for key in {**held, **identity} if held.get(key) != identity.get(key)]
            if other:
                told = ", ".join(f"{key} = {held.get(key)} (now: {identity.get(key)})" for key in other[:3])
                raise ConfigError(f"{path} holds a comparison of something else, {told}: give another --out")
        elif path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ConfigError(f"{path} holds something, but no comparison: give --out a directory that is new or empty")
        self._folder.mkdir(parents=True, exist_ok=True)
        if not config.exists():
            write_json(config, identity)

    def load(self, case: Case) -> Row | None:
        """What was found for the case; None where it is not finished."""
        file = self._folder / f"{case.name}.json"
        try:
            found: Row = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ConfigError(f"{file} is not valid JSON ({error}): remove it to run it again") from None
        return found

    def finished(self, asked: Sequence[Case]) -> dict[Case, Row]:
        """What was found for those cases that are finished, in their order."""
        found = {case: self.load(case) for case in asked}
        return {case: row for case, row in found.items() if row is not None}

    def save(self, case: Case, row: Row) -> None:
        write_json(self._folder / f"{case.name}.json", row)
