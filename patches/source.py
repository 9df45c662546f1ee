"""Finding and fingerprinting upstream's source text without importing it."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import sys
import textwrap
from pathlib import Path


def installed_version(package: str) -> str | None:
    """The version of an installed distribution, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def module_file(module: str) -> Path | None:
    """The ``.py`` file that ``import module`` runs or ran, or None; imports nothing.

    Notes:
        ``importlib.util.find_spec`` imports the parent packages, which for ``lava.lib.dl.slayer`` takes
        seconds and may fail for the very defect to be patched. Below the first name the file is therefore
        looked up.
    """
    loaded = sys.modules.get(module)
    if loaded is not None and getattr(loaded, "__file__", None):
        return Path(str(loaded.__file__))
    top, _, rest = module.partition(".")
    spec = importlib.util.find_spec(top)
    for location in (spec.submodule_search_locations or []) if spec else []:
        path = Path(location).joinpath(*rest.split("."))
        for candidate in (path / "__init__.py", path.with_name(path.name + ".py")):
            if candidate.is_file():
                return candidate
    return None


def symbol_text(text: str, qualname: str) -> str | None:
    """The lines of a function or class with its decorators (``''``: the whole text), or None without it."""
    if not qualname:
        return text
    body: list[ast.stmt] = ast.parse(text).body
    node: ast.FunctionDef | ast.ClassDef | None = None
    for name in qualname.split("."):
        found = [n for n in body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name == name]
        if not found:
            return None
        node = found[-1]
        body = node.body
    if node is None:
        return None
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno])


def fingerprint(text: str) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of a source text, whatever its indentation and line ends."""
    plain = textwrap.dedent("\n".join(text.splitlines())).strip()
    return hashlib.sha256(plain.encode()).hexdigest()[:16]
