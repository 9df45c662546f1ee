"""The options of a patch: what may be said when it is applied, and what is said back about the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Option:
    """One keyword of ``patches.apply(name, ...)``.

    ``check`` returns the value to be used, and raises TypeError or ValueError in words for one that will not do.
    A patch whose option is ``required`` cannot be a member of a set; ``default`` counts only where it is not.
    """

    name: str
    meaning: str
    check: Callable[[Any], Any] = field(repr=False)
    required: bool = False
    default: Any = None


def said(options: Mapping[str, Any]) -> str:
    """Options as they are typed: ``dt=10, backward='cpu'``."""
    return ", ".join(f"{name}={value!r}" for name, value in options.items())


def signature(options: tuple[Option, ...]) -> str:
    """What may be typed: ``dt, backward='cpu'``."""
    return ", ".join(option.name if option.required else f"{option.name}={option.default!r}" for option in options)


def resolve(patch: str, options: tuple[Option, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of the patch with its value, checked.

    Raises:
        TypeError: an option that the patch does not have, or a required one that is missing.
        TypeError, ValueError: what the option's own check says of its value.
    """
    names = [option.name for option in options]
    unknown = [name for name in given if name not in names]
    if unknown:
        those = f"its options are {signature(options)}" if options else "it has none"
        raise TypeError(f"the patch {patch!r} has no option {', '.join(map(repr, unknown))}: {those}")
    missing = [option for option in options if option.required and option.name not in given]
    if missing:
        wanted = "; ".join(f"{option.name} ({option.meaning})" for option in missing)
        raise TypeError(f"the patch {patch!r} needs an option that is missing: pass {wanted}")
    return {option.name: option.check(given.get(option.name, option.default)) for option in options}
