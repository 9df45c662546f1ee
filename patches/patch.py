"""What a patch is: its name, its reason, the upstream versions it knows and the changes it makes."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from patches.change import Change
from patches.error import PatchError
from patches.option import Option
from patches.source import fingerprint, installed_version, module_file, symbol_text


class State(str, enum.Enum):
    """What became of a patch in this process."""

    APPLIED = "applied"
    NOT_APPLIED = "not applied"
    NOT_NEEDED = "not needed"
    REFUSED = "refused"

    def __str__(self) -> str:
        return self.value


def always_needed() -> str | None:
    """For defects that every Python, NumPy and torch shows."""
    return None


# files beside a module, not symbols in it
_DATA_SUFFIXES = (".cu",)


@dataclass(frozen=True, kw_only=True)
class Patch:
    """One defect of upstream and its repair.

    ``changes`` name the upstream symbols with the fingerprints (:func:`patches.source.fingerprint`) of every
    source text that the repair was written for. ``options`` are what :func:`patches.apply` takes besides the name,
    and what ``make`` of the changes is given. ``not_needed`` returns why the running stack does not show the
    defect, or None where it does.

    A package that is used from a checkout on the path has no version: there ``commit`` says of which one the
    fingerprints are, and ``versions`` stays empty. Such a patch is for those who have it, so that applying it where
    the package is not to be found is refused rather than passed over.
    """

    name: str
    reason: str
    package: str
    changes: tuple[Change, ...] = field(repr=False)
    versions: tuple[str, ...] = ()
    commit: str | None = None
    options: tuple[Option, ...] = ()
    not_needed: Callable[[], str | None] = field(default=always_needed, repr=False)

    @property
    def upstream(self) -> str:
        """The package with the symbols concerned, for people: ``lava-nc: ports.ReshapePort...``."""
        return f"{self.package}: " + ", ".join(symbol for change in self.changes for symbol in change.symbols())

    def why_not_needed(self) -> str | None:
        """The reason for leaving this stack alone, or None."""
        if self._is_absent():
            return f"{self.package} is not {'on the path' if self.commit else 'installed'}"
        return self.not_needed()

    def why_refused(self) -> str | None:
        """One sentence for every guard that does not hold, or None."""
        try:
            self.check()
        except PatchError as error:
            return str(error)
        return None

    def check(self) -> None:
        """Compare the installed version and the source texts with what this patch was written for.

        Raises:
            PatchError: with the package, what was found, what is known and what to do.
        """
        where, advice = self._check_checkout() if self.commit else self._check_version()
        for change in self.changes:
            for qualname, fingerprints in change.guarded.items():
                found = _file_fingerprint(change.module, qualname)
                if found not in fingerprints:
                    symbol = f"{change.module}.{qualname}" if qualname else change.module
                    raise PatchError(
                        f"{symbol} of {where} is not the source that the patch {self.name!r} replaces (fingerprint "
                        f"{found}, known {' or '.join(fingerprints)}): {advice}, or go without the patch"
                    )

    def _check_version(self) -> tuple[str, str]:
        """What to call the package, and what to do where its files are not upstream's."""
        known = " or ".join(self.versions)
        version = installed_version(self.package)
        if version not in self.versions:
            found = "without a version" if version is None else version
            raise PatchError(
                f"{self.package} {found} is installed, but the patch {self.name!r} knows only {known}: install "
                f"{self.package}=={self.versions[-1]}, or go without the patch {self.name!r}"
            )
        reinstall = f"the installed files were changed, so reinstall {self.package}=={version}"
        return f"{self.package} {version}", reinstall

    def _check_checkout(self) -> tuple[str, str]:
        if self._is_absent():
            raise PatchError(
                f"the patch {self.name!r} found no {self.package} on the path: put the folder of its checkout on "
                "sys.path (or PYTHONPATH) before the patch is applied"
            )
        return self.package, f"check out commit {self.commit} of {self.package}"

    def _is_absent(self) -> bool:
        without_version = self.commit is not None or installed_version(self.package) is None
        return without_version and all(module_file(change.module) is None for change in self.changes)


def _file_fingerprint(module: str, qualname: str) -> str:
    path = module_file(module)
    if path is None:
        return "none: no source file"
    if Path(qualname).suffix in _DATA_SUFFIXES:
        beside = path.with_name(qualname)
        return fingerprint(beside.read_text(encoding="utf-8")) if beside.is_file() else "none: no such file"
    text = symbol_text(path.read_text(encoding="utf-8"), qualname)
    return "none: no such symbol" if text is None else fingerprint(text)
