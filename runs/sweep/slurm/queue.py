"""What Slurm's queue says of a job array."""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import dataclass

_ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    }
)
# Reasons for which a job waits until somebody changes something
_STUCK = frozenset(
    {
        "AccountNotAllowed",
        "AssocMaxWallDurationPerJobLimit",
        "BadConstraints",
        "InvalidAccount",
        "InvalidQOS",
        "JobHeldAdmin",
        "JobHeldUser",
        "PartitionDown",
        "PartitionInactive",
        "PartitionNodeLimit",
        "PartitionTimeLimit",
        "QOSMaxWallDurationPerJobLimit",
        "QOSNotAllowed",
    }
)
_UNKNOWN = "Invalid job id"


@dataclass(frozen=True, kw_only=True)
class Queued:
    """The tasks of an array that have not ended.

    Args:
        states: how many are in each of Slurm's states, as {"RUNNING": 2}.
        reasons: why those that wait do.
    """

    states: dict[str, int]
    reasons: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.states)

    def is_stuck(self) -> bool:
        """Whether all of them wait for what no waiting brings."""
        return set(self.states) == {"PENDING"} and bool(self.reasons) and _STUCK.issuperset(self.reasons)

    def text(self) -> str:
        """In words, as "2 running, 6 pending (Resources)"."""
        if not self.states:
            return "no worker is left in the queue"
        order = sorted(self.states, key=lambda state: (state != "RUNNING", state))
        told = ", ".join(f"{self.states[state]} {state.lower().replace('_', ' ')}" for state in order)
        return told + (f" ({', '.join(self.reasons)})" if self.reasons else "")


def ask(job: str, name: str) -> Queued | None:
    """The tasks of array `job` that are named `name` and have not ended; None where Slurm gives no answer now.

    Only squeue is asked: it needs no accounting database, which many small clusters do without.
    """
    command = ["squeue", "--noheader", "--array", f"--jobs={job}", "--format=%T|%r|%j"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.returncode:
        return Queued(states={}) if _UNKNOWN in answer.stderr else None
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for line in answer.stdout.splitlines():
        state, reason, told = (*line.split("|", 2), "", "")[:3]
        if told != name or state in _ENDED:
            continue
        states[state] += 1
        if state == "PENDING" and reason not in ("None", ""):
            reasons[reason] += 1
    return Queued(states=dict(states), reasons=tuple(reason for reason, _ in reasons.most_common()))
