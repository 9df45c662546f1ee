"""Training: one loop for every model, which continues where a run directory stands."""

from runs.training.loop import Learner, Watcher, make_learner, train

__all__ = ["Learner", "Watcher", "make_learner", "train"]
