"""netx-input-scalars: netx loads networks whose input block stores weight and bias as arrays of one element.

``Network.create_input`` calls ``int`` on them; NumPy 2.4 made that a TypeError for arrays with a dimension.
Here upstream's function gets a view of the layer's description in which those two are plain numbers.
"""

from __future__ import annotations

import functools
from typing import Any

from patches.change import Replacement
from patches.patch import Patch


class _ScalarView:
    """A layer description in which one-element ``weight`` and ``bias`` are numbers."""

    def __init__(self, layer_config: Any) -> None:
        self._config = layer_config

    def __getitem__(self, key: Any) -> Any:
        value = self._config[key]
        if key in ("weight", "bias") and getattr(value, "size", 0) == 1:
            return value.item()
        return value

    def __len__(self) -> int:
        return len(self._config)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._config, name)


def _with_scalars(original: staticmethod[..., Any]) -> staticmethod[..., Any]:
    upstream = original.__func__

    @functools.wraps(upstream)
    def create_input(layer_config: Any, *arguments: Any, **keywords: Any) -> Any:
        return upstream(_ScalarView(layer_config), *arguments, **keywords)

    return staticmethod(create_input)


def _not_needed() -> str | None:
    import warnings

    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            int(np.ones(1))  # type: ignore[call-overload]
        except TypeError:
            return None
    return f"NumPy {np.__version__} still converts arrays of one element to int"


PATCH = Patch(
    name="netx-input-scalars",
    reason="NumPy 2.4 refuses int() of a one-element array: netx cannot load most input blocks",
    package="lava-dl",
    versions=("0.6.0",),
    changes=(Replacement("lava.lib.dl.netx.hdf5", "Network.create_input", ("91e86c43a926342d",), _with_scalars),),
    not_needed=_not_needed,
)
