"""The converted network as files, and the proof that Lava spikes as it does.

network.net           netx's format, for Lava, with how its input is made
network.safetensors   the weights as they were trained, and what `open_tunable` reads them back with
network.nir           NIR, for other frameworks
no-nir.txt            in its place: why NIR cannot say this network
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from runs.deploy.encoding import write_encoding
from runs.files import write_text
from runs.tune.data import Labelled
from runs.tune.network import Tunable


def write(net: Any, tunable: Tunable, folder: Path) -> dict[str, Path]:
    """Writes a network in every format that can say it.

    Args:
        net: blocks at any step, converted from the tunable's.
        tunable: what it was converted from: its fine step, and the encoding of its input.
        folder: that is there; files of the same names are replaced.

    Returns:
        The files that were written, by what they are: ``hdf5``, ``safetensors``, and ``nir`` or ``no nir``.

    Raises:
        ValueError, TypeError: a network that netx's format cannot say, as `lava_dt.export.write_hdf5`.
        OSError: a file that cannot be written.
    """
    from lava_dt.export import write_hdf5
    from runs.deploy.stored import open_stored, store

    encoding = tunable.encoding
    if encoding is not None:
        encoding = replace(encoding, steps=-(-encoding.steps // tunable.per_step))
    files = {"hdf5": folder / "network.net", "safetensors": folder / "network.safetensors"}
    write_hdf5(net, files["hdf5"], fine_step=tunable.fine_step)
    if encoding is not None:
        write_encoding(files["hdf5"], encoding)
    store(net, files["safetensors"], files["hdf5"], tunable.fine_step, encoding)
    open_stored(files["safetensors"])  # which refuses what does not belong together
    refusal = _write_nir(net, tunable, folder / "network.nir")
    if refusal is None:
        (folder / "no-nir.txt").unlink(missing_ok=True)
        return {**files, "nir": folder / "network.nir"}
    (folder / "network.nir").unlink(missing_ok=True)
    write_text(folder / "no-nir.txt", f"There is no network.nir: {refusal}.\n")
    return {**files, "no nir": folder / "no-nir.txt"}


def check(net: Any, samples: Labelled, n: int, file: Path | None = None) -> Any:
    """`lava_dt.export.verify` on the first n samples: a `ParityReport`, whose ``identical`` is the verdict.

    Args:
        net: blocks at any step.
        samples: with their fine steps.
        n: how many; all where there are fewer.
        file: the network file that is shipped; None: what `lava_dt.export.to_lava` makes of the network now.

    Raises:
        ValueError: no samples, or a network or input that cannot travel. RuntimeError, TimeoutError: Lava failed.
    """
    from lava_dt.export import verify
    from lava_dt.export.blocks import describe

    n = min(n, len(samples))
    if n < 1:
        raise ValueError("there are no samples to compare with Lava: pass 1 or more")
    timestep = describe(net).timestep
    return verify(net, samples.batch(np.arange(n), 1 if timestep.held else timestep.dt), file)


def _write_nir(net: Any, tunable: Tunable, path: Path) -> str | None:
    """Why it cannot be written; None where it was."""
    from lava_dt.nir import NIRError

    draft = path.with_name(f"{path.name}.part")
    try:
        import nir

        from lava_dt.nir import to_nir

        nir.write(draft, to_nir(net, tunable.fine_step, input_shape=tunable.shape))
        draft.replace(path)
    except ModuleNotFoundError as error:
        if error.name != "nir":
            raise
        return "the package nir is not installed; pip install 'lava-dt[nir]'"
    except NIRError as error:
        return str(error)
    finally:
        draft.unlink(missing_ok=True)
    return None
