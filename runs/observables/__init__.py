"""What is looked at in a trained network: gradients, their explosion, spectra of the hidden layer, by step."""

from runs.observables.files import read_observables, write_observables

__all__ = ["read_observables", "write_observables"]
