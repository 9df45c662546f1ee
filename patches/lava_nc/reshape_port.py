"""lava-nc-reshape-port: connections through ``reshape`` and ``flatten`` work on NumPy 2.4 and later.

Both transforms of ``ReshapePort`` pass ``newshape=`` to ``np.reshape``; NumPy 2.4 removed that keyword. The
TypeError comes up in the child process that runs the layer, as "1 Exception(s) occurred" or as a hang.
"""

from __future__ import annotations

import functools
from typing import Any

from patches.change import Replacement
from patches.patch import Patch


def _reshaping_to(attribute: str) -> Any:
    """A maker of methods that return ``np.reshape`` with the shape kept in the port's ``attribute``."""

    def make(original: Any) -> Any:
        import numpy as np

        @functools.wraps(original)
        def transform(port: Any) -> functools.partial[Any]:
            return functools.partial(np.reshape, shape=getattr(port, attribute))

        return transform

    return make


def _not_needed() -> str | None:
    import warnings

    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            np.reshape(np.zeros(1), newshape=(1,))  # type: ignore[call-overload]
        except TypeError:
            return None
    return f"NumPy {np.__version__} still takes newshape="


_PORTS = "lava.magma.core.process.ports.ports"
_FORWARD = ("ReshapePort.get_transform_func_fwd", ("86a1b72f2ca0ccca",))
_BACKWARD = ("ReshapePort.get_transform_func_bwd", ("2b93a6be526e36ea",))

PATCH = Patch(
    name="lava-nc-reshape-port",
    reason="NumPy 2.4 removed np.reshape(newshape=): networks with a flatten fail or hang",
    package="lava-nc",
    versions=("0.10.0",),
    changes=(
        Replacement(_PORTS, "ReshapePort.get_transform_func_fwd", ("86a1b72f2ca0ccca",), _reshaping_to("shape")),
        Replacement(_PORTS, "ReshapePort.get_transform_func_bwd", ("2b93a6be526e36ea",), _reshaping_to("old_shape")),
    ),
    not_needed=_not_needed,
)
