"""Sweeps: many runs from one file, in this process, in worker processes, or on a cluster.

    sweep = load_sweep(Path("table3.toml"), quick=True)
    run_sweep(sweep, Path("results/table3"), workers=2)

Everything lies in the sweep's directory (`runs.sweep.folder`), so that anything can be killed at any moment, and the
same command continues.
"""

from runs.sweep.execution import run_sweep
from runs.sweep.plan import PlannedRun, Sweep, load_sweep
from runs.sweep.worker import run_worker

__all__ = ["PlannedRun", "Sweep", "load_sweep", "run_sweep", "run_worker"]
