"""The modules of BATS, ``bats_dt.Layers`` for ``bats_dt.layers`` and so on, for scripts that import from them.

They are not files: ``Layers`` beside ``layers`` would be one and the same where names of files ignore case. Nor are
they the packages under a second name, whose submodules would be loaded a second time, with classes that are not those
of the first. They are modules of their own, put where Python looks for modules first, that hold the public names.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType

from bats_dt import layers, losses, monitors, network, optimizers


def _module(name: str, source: ModuleType, names: Iterable[str]) -> ModuleType:
    """Make ``bats_dt.<name>`` importable; it holds ``names`` of ``source``."""
    module = ModuleType(f"bats_dt.{name}", f"{source.__doc__} Here under its name in BATS.")
    vars(module).update({public: getattr(source, public) for public in names}, __all__=list(names))
    sys.modules[module.__name__] = module
    return module


Layers = _module("Layers", layers, layers.__all__)
Losses = _module("Losses", losses, losses.__all__)
Monitors = _module("Monitors", monitors, monitors.__all__)
Optimizers = _module("Optimizers", optimizers, optimizers.__all__)
_module("Network", network, ["Network"])  # bats_dt.Network itself is the class, as in BATS
for _name in layers.__all__:
    _module(f"Layers.{_name}", layers, [_name])  # BATS has a module a layer, and PoolingLayer nowhere else
