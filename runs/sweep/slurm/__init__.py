"""Sweeps under Slurm: a job array of workers that share the sweep's directory.

    submit(Path("results/table3"), workers=16, threads=1, options=SlurmOptions(partition="short", minutes=120))

Each task of the array is a worker as `runs.sweep.worker` has it, so what holds there holds here: any of them may end at
any moment, by its time limit too, and another one, or the same one queued again, continues its run from the last
checkpoint, with the result of an undisturbed run.

Notes:
    Workers keep apart by `flock` on a file in each run's directory, so the sweep's directory must lie on a file system
    that all nodes see *and* that passes these locks from node to node. NFS does since Linux 2.6.12 (as byte-range locks
    at the server), unless mounted with `nolock` or `local_lock=flock` or `local_lock=all`; Lustre does with the mount
    option `flock`, while `localflock` keeps locks within a node and without either `flock` fails; GPFS, CephFS and
    BeeGFS (with `tuneUseGlobalFileLocks`) do. Where `flock` fails, `submit` says so. Where it only holds within a node
    nothing can be noticed from one machine: take one worker a node then, or `--slurm-options nodelist=NODE`.

    Clients of a network file system may see a file some seconds late (NFS: up to a minute, `acregmax`). A worker that
    does not see yet that a run has just been finished opens its directory, trains an epoch or none of it, and writes
    the same bytes again: late news cost time, never the result.
"""

from runs.sweep.slurm.options import SlurmOptions
from runs.sweep.slurm.watching import submit

__all__ = ["SlurmOptions", "submit"]
