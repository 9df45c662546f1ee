"""`lava-dt doctor`: what is installed, what is patched, what would compute, and whether Lava runs."""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.table import Table

from runs.environment import installed_versions
from runs.ten_steps import check_ten_steps

_PURPOSE = {
    "numpy": "everything",
    "scipy": "everything",
    "numba": "kernels on the CPU",
    "torch": "SLAYER",
    "lava-nc": "running exported networks",
    "lava-dl": "SLAYER, export",
    "cupy-cuda12x": "kernels on a GPU (CUDA 12)",
    "cupy-cuda13x": "kernels on a GPU (CUDA 13)",
}
_OPTIONAL = ("cupy-cuda12x", "cupy-cuda13x")


def run_doctor(timeout: float, console: RichConsole | None = None) -> int:
    """Prints the findings; 0, or 1 where something that is installed does not work."""
    console = console or RichConsole(highlight=False, soft_wrap=True)
    versions = installed_versions()
    console.print(_table(versions))
    _say(console, f"kernels run on {_backend()}")
    missing = [name for name in ("torch", "lava-nc", "lava-dl") if versions[name] is None]
    if missing:
        _say(console, f"not installed: {', '.join(missing)}; BATS needs none of them, SLAYER and export need all")
        for line in how_to_install(sys.version_info[:2]):
            _say(console, line)
        return 0
    patched = _say_patches(console)
    fine, text = check_ten_steps(timeout)
    _say(console, f"a ten-step network through Lava {text}")
    if patched and fine:
        _say(console, "all is well")
        return 0
    return 1


def how_to_install(python: tuple[int, ...]) -> list[str]:
    """How to get torch, lava-nc and lava-dl on this Python, in lines to read."""
    if python < (3, 11):
        return ['install them with: pip install "lava-dt[lava]"']
    return [
        f"lava-nc 0.10.0 and lava-dl 0.6.0 declare Python below 3.11, so pip refuses them on {python[0]}.{python[1]}; "
        "with the patches of lava-dt they work:",
        "    pip install torch h5py matplotlib pillow scikit-learn networkx asteval",
        "    pip install --no-deps --ignore-requires-python lava-nc==0.10.0 lava-dl==0.6.0",
        'with uv, in a checkout of lava-dt, "uv sync" does it all',
    ]


def _say(console: RichConsole, text: str) -> None:
    console.print(escape(text))


def _table(versions: dict[str, str | None]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("package", "version", "for"):
        table.add_column(title)
    table.add_row("python", f"{platform.python_version()} ({platform.system()} {platform.machine()})", "")
    for name, version in versions.items():
        if version is not None or name not in _OPTIONAL:
            table.add_row(name, version or "not installed", _PURPOSE.get(name, ""))
    return table


def _backend() -> str:
    import numba

    from bats_dt import get_backend

    threads = numba.get_num_threads()
    name = {"cpu": f"the CPU (Numba, {threads} threads)", "cuda": "the GPU (CuPy)"}.get(get_backend(), get_backend())
    return name if find_spec("cupy") else f"{name}; no CuPy, so no GPU"


def _say_patches(console: RichConsole) -> bool:
    """Tells the state of every patch once those that this stack needs are applied; False where one is refused."""
    import patches

    try:
        patches.apply("modern-python")
    except patches.PatchError as error:
        _say(console, f"patches: {error}")
    rows = patches.status()
    for state in dict.fromkeys(row.state for row in rows):
        names = [row.name for row in rows if row.state == state]
        _say(console, f"patches {state}: {', '.join(names)}")
    for row in rows:
        if row.state is patches.State.REFUSED:
            _say(console, f"  {row.name}: {row.reason}")
    return not any(row.state is patches.State.REFUSED for row in rows)
