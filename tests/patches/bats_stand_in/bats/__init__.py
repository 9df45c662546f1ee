"""Stands in for upstream's bats, on NumPy arrays: module paths, names and arguments as described, the code our own."""
