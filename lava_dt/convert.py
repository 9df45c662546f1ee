"""A network of lava-dl's CuBa blocks, trained or not, to any timestep, in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeVar

import torch
from lava.lib.dl.slayer.block import cuba as upstream
from lava.lib.dl.slayer.neuron.base import Neuron as AnyNeuron

from lava_dt import neuron as neurons
from lava_dt.block import cuba
from lava_dt.block.stepped import Stepped
from lava_dt.timestep import Timestep, as_timestep

Network = TypeVar("Network", bound=torch.nn.Module)


def discretize(net: Network, timestep: Timestep | int) -> Network:
    """Makes every CuBa block and neuron of a network step by dt: in place, keeping weights and everything learnt.

    Blocks and neurons of lava-dl become lava_dt's of the same name; the objects stay, and so do parameters (the same
    ones, so that an optimizer goes on), hooks and the keys of state dictionaries. Delays and decays stay those of fine
    steps; the running mean of a norm is rescaled (`lava_dt.normalisation`). Doing it again changes nothing, and
    ``Timestep()`` gives lava-dl's behaviour back, bit for bit. States kept from earlier calls are forgotten when the
    timestep changes.

    Args:
        net: any module tree with CuBa blocks or neurons: lava-dl's own, lava_dt's, or subclasses of a block that leave
            ``forward`` to it.
        timestep: what a step is. A number alone means ``Timestep(dt, clock='held', scheme='exponential',
            gain='integral')``: fine input and output as before, decays exact between spikes, and the area of the
            response to a spike kept, without which a network falls silent as dt grows (EQUATIONS A.2).

    Returns:
        ``net``.

    Raises:
        TypeError: not a module; a layer whose neurons are not CuBa, or that decides in its own code how time passes;
            by the layer's name.
        ValueError: nothing to convert; a decay beyond the scheme, by the layer's name.
        Nothing has changed then: either all layers step by dt or none.

    Notes:
        A state dictionary saved by lava-dl loads before and after; what lava-dl draws at its first call, delays and
        ranges of decays, is then not drawn again.
    """
    if not isinstance(net, torch.nn.Module):
        raise TypeError(f"the network is a {type(net).__name__}: pass a torch.nn.Module of CuBa blocks")
    if not isinstance(timestep, Timestep):
        timestep = Timestep(timestep, scheme="exponential", gain="integral")
    found = list(_layers(net))
    if not any(_steps(module) for _, module in found):
        raise ValueError(f"the network, a {type(net).__name__}, has no CuBa block or neuron: nothing in it steps by dt")
    undo = [snapshot(module) for _, module in found]
    for name, module in found:
        try:
            adopt(module, timestep)
        except (TypeError, ValueError) as error:
            for restore in undo:
                restore()
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{name or 'the network'} ({type(module).__name__}): {error}") from error
    return net


def adopt(module: Any, timestep: Timestep | None) -> None:
    """Makes one CuBa block or neuron step by ``timestep``: the same object, in place.

    Args:
        module: a block of `lava.lib.dl.slayer.block.cuba`, of `lava_dt.block.cuba`, or of a subclass that leaves
            ``forward`` to it; or a CuBa neuron.
        timestep: what a step is; None is lava-dl's own.

    Raises:
        TypeError: anything else.
        ValueError: as `Neuron.set_timestep`.
        The module is then what it was.
    """
    timestep = as_timestep(timestep)
    if isinstance(module, AnyNeuron):
        neurons.adopt(module, timestep)
        return
    kind: Any = type(module)
    if not isinstance(module, Stepped):
        module.__class__ = stepped_class(kind)
    if not isinstance(module, Stepped):
        return
    try:
        module.set_timestep(timestep)
    except (TypeError, ValueError):
        module.__class__ = kind
        raise


@cache
def stepped_class(kind: Any) -> Any:
    """lava_dt's class for one of lava-dl's CuBa blocks; for a user's subclass of such a block one that is both.

    Raises:
        TypeError: no block of lava-dl, one that lava_dt does not have, or a subclass with its own ``forward``.
    """
    position, base = next(((i, cls) for i, cls in enumerate(kind.__mro__) if _is_upstream(cls)), (0, None))
    ours = None if base is None else getattr(cuba, base.__name__, None)
    if ours is None:
        raise TypeError(
            f"{kind.__module__}.{kind.__qualname__} is none of the CuBa blocks that lava_dt steps "
            f"({', '.join(sorted(cuba.__all__))}): use one of these, or leave the layer out"
        )
    if kind is base or kind is ours:
        return ours
    if any("forward" in vars(cls) for cls in kind.__mro__[:position]):
        raise TypeError(
            f"{kind.__qualname__} has a forward of its own, which decides how time passes: derive it from "
            f"lava_dt.block.cuba.{ours.__name__}, or leave forward to lava-dl's block"
        )
    # the user's methods first, then lava_dt's in place of lava-dl's
    return type(kind.__name__, (kind, ours), {"__module__": kind.__module__, "__reduce_ex__": _reduce, "_kind": kind})


def _reduce(self: Any, protocol: int) -> Any:
    return _rebuild, (self._kind,), vars(self)


def _rebuild(kind: type) -> Any:
    cls = stepped_class(kind)
    return cls.__new__(cls)


def _layers(net: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    """All blocks and neurons by name, a block's neuron with its block; also those that will be refused."""
    within: set[int] = set()
    for name, module in net.named_modules():
        if isinstance(module, (Stepped, upstream.AbstractCuba)):
            within.add(id(module.neuron))
            yield name, module
        elif isinstance(module, AnyNeuron):
            if id(module) not in within:
                yield name, module
        elif _is_upstream(type(module)):  # Flatten and others without neurons
            yield name, module


def _is_upstream(cls: type) -> bool:
    return cls.__name__ in cuba.__all__ and getattr(upstream, cls.__name__, None) is cls


def _steps(module: torch.nn.Module) -> bool:
    return isinstance(module, (Stepped, upstream.AbstractCuba, AnyNeuron))


def snapshot(module: torch.nn.Module) -> Callable[[], None]:
    """A function that makes the module and all its parts what they are now: classes, attributes, modes and buffers.

    The values of parameters and buffers that are overwritten in place are not kept: `discretize` overwrites none.
    """
    kept = [(part, type(part), dict(vars(part)), dict(part._buffers)) for part in module.modules()]

    def restore() -> None:
        for part, kind, attributes, buffers in kept:
            part.__class__ = kind
            vars(part).clear()
            vars(part).update(attributes)
            part._buffers.update(buffers)

    return restore
