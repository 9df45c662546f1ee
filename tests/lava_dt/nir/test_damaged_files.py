"""Files and graphs in which something is wrong: a sentence each."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

nir = pytest.importorskip("nir", reason="the nir extra is not installed")

import h5py  # noqa: E402
import numpy as np  # noqa: E402

from lava_dt.nir import NIRError, from_nir, read  # noqa: E402


@pytest.fixture
def path(tmp_path):
    """A small file of a Linear and a CubaLIF of 3 to 2 neurons, to be spoilt."""
    two = np.ones(2)
    nodes = [
        nir.Linear(np.ones((2, 3))),
        nir.CubaLIF(tau_syn=4e-3 * two, tau_mem=8e-3 * two, r=8 * two, v_leak=0 * two, v_threshold=two, w_in=4 * two),
    ]
    nir.write(tmp_path / "net.nir", nir.NIRGraph.from_list(*nodes))
    return tmp_path / "net.nir"


def test_the_file_is_read_before_it_is_spoilt(path):
    assert len(from_nir(path)) == 1


def change(path, name, value, **options):
    with h5py.File(path, "a") as file:
        del file[name]
        if value is not None or options:
            file.create_dataset(name, data=value, **options)


NODE = "node/nodes/cubalif"
SPOILT = {
    "no type of the graph": ("node/type", np.zeros(0), r"the graph has the type array"),
    "no type": (f"{NODE}/type", None, r"node 'cubalif' has no type"),
    "another type": (f"{NODE}/type", "Quartz", r"node 'cubalif' is of type 'Quartz'; lava_dt reads Affine"),
    "missing": (f"{NODE}/tau_syn", None, r"node 'cubalif' of type CubaLIF lacks tau_syn"),
    "text": (f"{NODE}/tau_syn", "fast", r"node 'cubalif' of type CubaLIF has a tau_syn that is no array of numbers"),
    "not finite": (f"{NODE}/r", np.array([np.nan, 1]), r"node 'cubalif' has a r that is not finite"),
    "negative": (f"{NODE}/tau_mem", np.array([-1.0, 1]), r"node 'cubalif' has a tau_mem of -1 s: .* above 0"),
    "too short": (
        f"{NODE}/tau_mem",
        np.array([1e-9, 1]),
        r"node 'cubalif' has a tau_mem of 1e-09 s, and forward_euler",
    ),
    "other shape": (f"{NODE}/tau_mem", np.ones(3), r"node 'cubalif' of type CubaLIF does not hold together"),
    "product of sizes": (
        f"{NODE}/w_in",
        np.ones((200_000, 1)),
        r"node 'cubalif' of type CubaLIF has parameters of the sha",
    ),
    "no nodes": ("node/nodes", None, r"lacks its nodes or edges"),
    "no edges": ("node/edges", None, r"lacks its nodes or edges"),
    "edges": ("node/edges", np.ones((2, 3)), r"edges that are no pairs of names"),
    "no graph": ("node", None, r"without a group named 'node'"),
    "weights": (
        "node/nodes/linear/weight",
        np.ones((2, 4)),
        r"node 'linear' takes 4 neurons and gets the shape \(3,\)",
    ),
    "input": ("node/nodes/input/shape", np.array([0]), r"node 'input' has shape"),
    "reset": (f"{NODE}/v_reset", np.array([0.5, 0.5]), r"node 'cubalif' resets to 0.5 and rests at 0"),
    "threshold": (f"{NODE}/v_threshold", np.array([0.0, 1]), r"threshold that is not above its resting potential"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_what_is_wrong_is_said_by_the_nodes_name(case, path):
    name, value, message = SPOILT[case]
    change(path, name, value)
    with pytest.raises(NIRError, match=message):
        from_nir(path)


def test_huge_declared_shapes_are_refused_before_they_are_read(path):
    with h5py.File(path, "a") as file:
        del file["node/nodes/linear/weight"]
        file.create_dataset("node/nodes/linear/weight", shape=(1 << 20, 1 << 20), dtype="f8", chunks=(64, 64))
    with pytest.raises(NIRError, match=r"shape \(1048576, 1048576\) at node/nodes/linear/weight and stores 0 bytes"):
        read(path)
    change(path, "node/nodes/cubalif/r", np.zeros((1 << 10, 1 << 10)), compression="gzip")
    change(path, "node/nodes/linear/weight", np.ones(2))
    with pytest.raises(NIRError, match=r"declares more than 1,000,000 bytes of arrays, at node/nodes/cubalif/r one of"):
        read(path, largest=1_000_000)


def test_links_and_groups_that_hold_themselves_end(path, tmp_path):
    with h5py.File(path, "a") as file:
        file["node/nodes/linear/again"] = file["node/nodes"]  # hard link: a cycle
    with pytest.raises(NIRError, match="groups within groups, more than 16 deep"):
        read(path)
    with h5py.File(path, "a") as file:
        del file["node/nodes/linear/again"]
        file["node/nodes/linear/bias"] = h5py.ExternalLink(str(tmp_path / "other"), "/secret")
    with pytest.raises(NIRError, match="a link to elsewhere at node/nodes/linear/bias"):
        read(path)


def test_no_file_and_no_hdf5(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.nir is no file: pass the path"):
        read(tmp_path / "none.nir")
    (tmp_path / "text.nir").write_text("tau = 3")
    with pytest.raises(NIRError, match="cannot be read as HDF5, it is truncated, damaged or something else"):
        read(tmp_path / "text.nir")
    with pytest.raises(TypeError, match=r"the graph is a int: pass a nir.NIRGraph, or the path"):
        from_nir(3)


def chain(edges=None, **named):
    made = {"input": nir.Input({"input": np.array([3])}), **named, "output": nir.Output({"output": np.array([2])})}
    names = list(made)
    return nir.NIRGraph(made, edges or list(itertools.pairwise(names)), type_check=False)


def lif(n=2, **changed):
    values = {"tau": 8e-3, "r": 8.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0, **changed}
    return nir.LIF(**{key: np.full(n, value) for key, value in values.items()})


GRAPHS = {
    "branch": (
        {"a": nir.Linear(np.ones((2, 3))), "b": nir.Linear(np.ones((2, 3)))},
        [("input", "a"), ("input", "b"), ("a", "output"), ("b", "output")],
        r"node 'input' leads to 'a' and 'b': lava-dl's blocks are a chain",
    ),
    "not reached": (
        {"a": nir.Linear(np.ones((2, 3))), "b": lif()},
        [("input", "a"), ("a", "output")],
        r"the chain from the input does not reach 'b'",
    ),
    "no such node": ({"a": lif()}, [("input", "z")], r"an edge \('input', 'z'\) from or to a node that is not there"),
    "two synapses": (
        {"a": nir.Linear(np.ones((2, 3))), "b": nir.Linear(np.ones((2, 2))), "c": lif()},
        None,
        r"node 'b' follows other synapses without neurons between",
    ),
    "no synapses": (
        {"a": nir.Linear(np.ones((2, 3))), "b": lif(), "c": lif()},
        None,
        r"node 'c' has no synapses before it",
    ),
    "dendritic delay": (
        {"a": nir.Linear(np.ones((2, 3))), "b": nir.Delay(np.ones(2)), "c": lif()},
        None,
        r"node 'b' delays something else than the spikes of neurons",
    ),
    "kind": ({"a": nir.Threshold(np.ones(3))}, None, r"node 'a' is a Threshold, for which lava-dl has no block"),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_graphs_that_no_chain_of_blocks_computes_are_refused_by_name(case):
    nodes, edges, message = GRAPHS[case]
    with pytest.raises(NIRError, match=message):
        from_nir(chain(edges=edges, **nodes), dt=1e-3)


def test_damaged_metadata_of_ours_are_refused(path):
    graph = read(path)
    graph.metadata = {"lava_dt": {"version": 1, "step": "long"}}
    with pytest.raises(
        NIRError, match=r"the graph has step = 'long' in its lava_dt metadata: it must be of type float"
    ):
        from_nir(graph)
    graph.metadata = {"lava_dt": {"version": 9}}
    with pytest.raises(NIRError, match="are of layout 9 and this lava_dt reads 1"):
        from_nir(graph)
    graph.metadata = {"lava_dt": {"version": 1}}
    with pytest.raises(NIRError, match="the graph lacks 'step' in its lava_dt metadata"):
        from_nir(graph)


def test_a_file_whose_damage_leads_the_library_in_circles_is_refused(monkeypatch):
    monkeypatch.setattr("lava_dt.export.probing._SECONDS", 5)
    with pytest.raises(
        NIRError, match=r"endless\.nir is damaged: reading it takes more than 5 s|cannot be read as HDF5"
    ):
        read(Path(__file__).with_name("fixtures") / "endless.nir")


def test_texts_that_are_longer_together_than_arrays_may_be_are_refused(path):
    change(path, "node/edges", np.full((2, 600), "x" * 1000, dtype=object), dtype=h5py.string_dtype())
    with pytest.raises(NIRError, match=r"declares more than 1,000,000 bytes of arrays, at node/edges"):
        read(path, largest=1_000_000)


WRONG = [
    np.nan,
    -1.0,
    1e308,
    np.zeros(0),
    np.ones((1, 2, 3)),
    2**63 - 1,
    "text",
    b"\xff\xfe",
    1j,
    np.array([b"a"]),
    True,
]


@pytest.mark.parametrize("seed", range(12))
def test_a_wrong_entry_anywhere_ends_in_a_sentence_or_in_a_network(path, seed):
    rng = np.random.default_rng(seed)
    with h5py.File(path, "a") as file:
        places = []
        file.visit(places.append)
        name = places[rng.integers(len(places))]
        del file[name]
        if seed % 4 == 1:
            file[name] = h5py.SoftLink("/node")
        elif seed % 4 == 2:
            file[name] = file["node/nodes" if "node/nodes" in file else "/"]
        elif seed % 4 == 3:
            file[name] = WRONG[rng.integers(len(WRONG))]
    try:
        from_nir(path)
    except NIRError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("seed", range(8))
def test_random_damage_ends_in_a_sentence_or_in_a_network(path, seed):
    rng, content = np.random.default_rng(seed), bytearray(path.read_bytes())
    for place in rng.integers(0, len(content), 1 + 8 * (seed % 4)):
        content[place] = rng.integers(256)
    path.write_bytes(content[: len(content) if seed % 2 else int(rng.integers(len(content)))])
    try:
        from_nir(path)
    except NIRError as error:
        assert str(path) in str(error)
