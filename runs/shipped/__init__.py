"""Subsets of public data sets that come with the package; see each folder's LICENSE."""

from pathlib import Path

MNIST = Path(__file__).parent / "mnist"
NMNIST = Path(__file__).parent / "nmnist"
