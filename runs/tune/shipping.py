"""The network that is recommended, or the nearest, as files, and what Lava makes of them."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runs.tune.converted import Networks, name_of, text_of
from runs.tune.data import Labelled
from runs.tune.network import Tunable
from runs.tune.result import Judged
from runs.tune.search import Watcher
from runs.tune.store import Store
from runs.tune.writing import check, write

if TYPE_CHECKING:
    from lava_dt.export import ParityReport


def ship(
    one: Judged | None,
    nets: Networks,
    store: Store,
    tunable: Tunable,
    test: Labelled,
    verify: int,
    watcher: Watcher,
) -> tuple[dict[str, Path], ParityReport | None]:
    """The files of a network, which are written again where they are gone, and its comparison with Lava.

    Args:
        one: the network; None: there is none.
        verify: test samples that Lava runs; 0: none.

    Raises:
        OSError: the files cannot be written, on a full disk for one.
    """
    if one is None:
        return {}, None
    folder, name = store.path / f"network-{name_of(one.key)}", f"written-{name_of(one.key)}"
    files = store.load(name)
    if files is None or not all((folder / file).is_file() for file in files.values()):
        watcher.stage(f"{text_of(one.key)}: writing it", 0)
        folder.mkdir(exist_ok=True)
        net = nets.get(one.key)
        try:
            found = write(net, tunable, folder)
        except OSError as error:
            if error.errno is None:
                raise
            raise OSError(
                f"the converted network cannot be written to {folder} ({os.strerror(error.errno)}): make room there, "
                "then run the same command again; what was measured is kept"
            ) from error
        files = {kind: file.relative_to(folder) for kind, file in found.items()}
        store.save(name, files)
    n, parity = min(verify, len(test)), None
    if n:

        def verified() -> Any:
            watcher.stage(f"{text_of(one.key)}: {n} samples in Lava", 0)
            found = check(nets.get(one.key), test, n, folder / files["hdf5"])
            return dataclasses.replace(found, output=None)

        parity = store.get(f"lava-{name_of(one.key)}-{n}", verified)
    return {kind: folder / file for kind, file in files.items()}, parity
