"""One folder an operator: contract and dispatch, reference, Numba."""
