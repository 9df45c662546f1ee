"""Files of arrays: what they hold, and that the same arrays and texts are the same bytes."""

import numpy as np
from safetensors import safe_open

from runs.tensors import write_tensors

ARRAYS = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3).T,  # not in C order
    "a": np.zeros((0, 2)),
    "scalar": np.asarray(3, np.int64),
    "bytes": np.arange(5, dtype=np.uint8),
}
ABOUT = {
    "format": "a 1",
    "rows": '[{"name": "\N{GREEK SMALL LETTER TAU} \\"quoted\\""}]',
    "empty": "",
    "z": "1",
    "y": "2",
}


def read(file):
    with safe_open(str(file), framework="numpy") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata()  # noqa: SIM118


def test_arrays_and_texts_come_back(tmp_path):
    for n, about in enumerate((ABOUT, {"x": "1"}, {"x": "12345"}, None)):  # headers of several lengths
        write_tensors(tmp_path / f"{n}", ARRAYS, about)
        arrays, told = read(tmp_path / f"{n}")
        assert told == about and set(arrays) == set(ARRAYS)
        for name, array in ARRAYS.items():
            assert arrays[name].dtype == array.dtype and np.array_equal(arrays[name], array)
        header = int.from_bytes((tmp_path / f"{n}").read_bytes()[:8], "little")
        assert header % 8 == 0  # so that arrays can be mapped into memory


def test_the_same_arrays_and_texts_are_the_same_bytes(tmp_path):
    written = set()
    for _ in range(20):
        write_tensors(tmp_path / "file", ARRAYS, ABOUT)
        written.add((tmp_path / "file").read_bytes())
    assert len(written) == 1
