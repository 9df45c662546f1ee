"""The grid in upstream's bats, on a stand-in with its module paths, names and arguments, and on itself."""

from __future__ import annotations

import importlib
import inspect
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import bats_dt.layers
import patches
from bats_dt import Network, TimeGrid, set_backend
from bats_dt.grid import RULES
from patches import registry
from patches.bats import timestep
from patches.source import fingerprint, module_file, symbol_text

STAND_IN = Path(__file__).parent / "bats_stand_in"
WRAPPERS = "bats.CudaKernels.Wrappers"
DEFINED = {
    "compute_spike_times": f"{WRAPPERS}.Inference",
    "propagate_recurrent_errors": f"{WRAPPERS}.Backpropagation",
}
TAU_S, THETA, END, SLOTS = 0.13, 0.2, 0.3, 30
DT = 0.005
# float32 against float32: 4e-6 has been seen here; the fast exponentials of a GPU shift gradients by up to 5e-5
TOLERANCE = 1e-4


def forget_bats() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "bats"]:
        del sys.modules[name]


def known(folder: Path, name: str, package: str) -> str:
    """The fingerprint of a function of the checkout in ``folder``."""
    text = folder.joinpath(*package.split("."), f"{name}.py").read_text()
    return fingerprint(symbol_text(text, name) or "")


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Puts the stand-in on the path, and beside the other patches the one that knows its source."""
    shutil.copytree(STAND_IN / "bats", tmp_path / "bats")
    patch = timestep.timestep(*(known(tmp_path, *each) for each in DEFINED.items()))
    forget_bats()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(registry.PATCHES, patch.name, patch)
    set_backend("cpu")
    yield tmp_path
    if patch.name in registry._applied:
        patches.revert(patch.name)
    forget_bats()


def held() -> list[Any]:
    """What bears the names of the two functions, in every module that has them."""
    importlib.import_module("bats.Layers")
    return [
        vars(sys.modules[module])[name]
        for name, package in DEFINED.items()
        for module in (f"{package}.{name}", package, "bats.Layers.LIFLayer", "bats.Layers.ConvLIFLayer")
    ]


def trains(seed: int, batch: int = 3, n: int = 12, slots: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 0.1, (batch, n, slots)).astype(np.float32), axis=2)
    counts = rng.integers(0, slots + 1, (batch, n)).astype(np.int32)
    times[np.arange(slots) >= counts[..., None]] = np.inf
    return times, counts


def weights(seed: int, scale: float = 1.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [
        (scale * rng.uniform(low, high, shape)).astype(np.float32)
        for low, high, shape in ((-0.5, 1.5, (10, 12)), (-0.5, 1.0, (4, 10)))
    ]


def script(times: np.ndarray, counts: np.ndarray, matrices: list[np.ndarray], cotangent: np.ndarray) -> Any:
    """What a user of bats does: two layers, forward, backward; the mean gradients of both."""
    from bats.Layers import InputLayer, LIFLayer

    below = InputLayer(n_neurons=12)
    below.set_spike_trains(times, counts)
    first = LIFLayer(below, TAU_S, THETA, THETA, lambda *_: matrices[0], SLOTS, n_neurons=10)
    second = LIFLayer(first, TAU_S, THETA, THETA, lambda *_: matrices[1], SLOTS, n_neurons=4)
    for layer in (first, second):
        layer.forward(END)
    upper, errors = second.backward(np.where(np.isfinite(second.times), cotangent, 0).astype(np.float32))
    lower, _ = first.backward(errors)
    return SimpleNamespace(trains=[first.spike_trains, second.spike_trains], gradients=[lower.mean(0), upper.mean(0)])


def ours(
    times: np.ndarray, counts: np.ndarray, matrices: list[np.ndarray], cotangent: np.ndarray, grid: TimeGrid | None
) -> Any:
    """The same with bats_dt."""
    network = Network()
    network.add_layer(bats_dt.layers.InputLayer(12), input=True)
    for n, matrix in zip((10, 4), matrices, strict=True):
        network.add_layer(
            bats_dt.layers.LIFLayer(
                network.layers[-1], TAU_S, THETA, THETA, lambda *_, m=matrix: m, SLOTS, n_neurons=n, grid=grid
            )
        )
    network.forward(times, counts, END)
    out = network.output_spike_trains[0]
    gradients = network.backward(np.where(np.isfinite(out), cotangent, 0).astype(np.float32))
    layers = network.layers[1:]
    locked = sum(int((layer.emitted.inverse_slope == 0).sum()) for layer in layers)
    return SimpleNamespace(
        trains=[layer.spike_trains for layer in layers],
        gradients=[g[0] for g in gradients[1:]],
        locked=locked,
    )


def cotangents(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, 4, SLOTS))


def furthest(got: Any, wanted: Any) -> float:
    """The largest difference of a gradient, relative to the layer's largest."""
    pairs = zip(got.gradients, wanted.gradients, strict=True)
    return max(float(np.abs(one - other).max() / np.abs(other).max()) for one, other in pairs)


def assert_same_spikes(got: Any, wanted: Any) -> None:
    for (times, counts), (our_times, our_counts) in zip(got.trains, wanted.trains, strict=True):
        np.testing.assert_array_equal(counts, our_counts)
        np.testing.assert_array_equal(times, our_times)


def test_unpatched_it_is_the_continuous_network(stand_in: Path) -> None:
    given = (*trains(1), weights(2), cotangents(3))
    got, wanted = script(*given), ours(*given, None)
    for (times, counts), (our_times, our_counts) in zip(got.trains, wanted.trains, strict=True):
        np.testing.assert_array_equal(counts, our_counts)
        np.testing.assert_allclose(times, our_times, atol=1e-5)
    assert min(counts.sum() for _, counts in got.trains) > 20
    assert furthest(got, wanted) < TOLERANCE


@pytest.mark.parametrize("rule", RULES)
def test_patched_it_emits_what_our_layers_emit_on_that_grid(stand_in: Path, rule: str) -> None:
    grid = TimeGrid(DT, rule)
    given = (*trains(1), weights(2), cotangents(3))
    with patches.applied("bats-timestep", grid=grid):
        got = script(*given)
    assert_same_spikes(got, ours(*given, grid))
    assert min(counts.sum() for _, counts in got.trains) > 20


@pytest.mark.parametrize("rule", RULES)
def test_upstreams_backward_pass_is_straight_through_where_inputs_are_on_the_grid(stand_in: Path, rule: str) -> None:
    grid = TimeGrid(DT, rule)
    times, counts = trains(4)
    given = (grid.encode(times), counts, weights(5), cotangents(6))
    with patches.applied("bats-timestep", grid=grid):
        got = script(*given)
    wanted = ours(*given, grid)
    assert_same_spikes(got, wanted)
    assert wanted.locked == 0
    assert furthest(got, wanted) < TOLERANCE


@pytest.mark.parametrize("rule", ["snap", "detect"])
def test_spikes_without_a_crossing_of_their_own_hand_their_errors_on(stand_in: Path, rule: str) -> None:
    grid = TimeGrid(0.01, rule)
    times, counts = trains(4)
    given = (grid.encode(times), counts, weights(5, scale=2.5), cotangents(6))
    with patches.applied("bats-timestep", grid=grid):
        got = script(*given)
    wanted = ours(*given, grid)
    assert_same_spikes(got, wanted)
    assert wanted.locked > 20
    assert furthest(got, wanted) < TOLERANCE


@pytest.mark.parametrize("rule", ["snap", "detect"])
def test_inputs_off_the_grid_cost_the_gradient_a_few_percent(stand_in: Path, rule: str) -> None:
    grid = TimeGrid(0.01, rule)
    given = (*trains(4), weights(5, scale=2.0), cotangents(6))
    with patches.applied("bats-timestep", grid=grid):
        got = script(*given)
    wanted = ours(*given, grid)
    assert_same_spikes(got, wanted)
    assert TOLERANCE < furthest(got, wanted) < 0.05  # dt/tau is 0.04


def test_published_has_the_gradient_of_its_own_for_any_inputs(stand_in: Path) -> None:
    grid = TimeGrid(0.01, "published")
    given = (*trains(4), weights(5, scale=2.0), cotangents(6))
    with patches.applied("bats-timestep", grid=grid):
        got = script(*given)
    wanted = ours(*given, grid)
    assert_same_spikes(got, wanted)
    assert furthest(got, wanted) < TOLERANCE


def test_spikes_that_do_not_fit_are_left_out(stand_in: Path) -> None:
    grid = TimeGrid(0.005)
    from bats.CudaKernels.Wrappers import Inference

    call = (*(np.array([[0.0, 0.01, np.inf]], np.float32),) * 3, np.full((1, 2, 3), 9, np.float32), np.float32(1),
            np.float32(1), np.float32(0.2), np.float32(np.inf), np.int32(1))  # fmt: skip
    with patches.applied("bats-timestep", grid=grid):
        counts, a, x, times, exponentials = Inference.compute_spike_times(*call)
    assert counts.tolist() == [[1, 1]]
    assert counts.dtype == np.int32
    for padded in (a, x, times, exponentials):
        assert padded.dtype == np.float32
        assert padded.shape == (1, 2, 1)
        assert np.isfinite(padded).all()


def test_no_input_and_no_crossing_give_no_spike(stand_in: Path) -> None:
    from bats.CudaKernels.Wrappers import Inference

    constants = (np.float32(1), np.float32(1), np.float32(0.2), np.float32(1), np.int32(4))
    silent, weak = np.full((2, 3), np.inf, np.float32), np.full((2, 5, 3), 1e-3, np.float32)
    heard = np.zeros((2, 3), np.float32)
    with patches.applied("bats-timestep", grid=TimeGrid(0.005)):
        for times in (silent, heard):
            counts, *padded = Inference.compute_spike_times(times, times, times, weak, *constants)
            assert not counts.any()
            assert all(np.isinf(each).all() and each.shape == (2, 5, 4) for each in padded)


def test_the_grid_is_checked_against_the_simulation(stand_in: Path) -> None:
    with (
        patches.applied("bats-timestep", grid=TimeGrid(1.0)),
        pytest.raises(
            ValueError, match=r"dt is 1.0 s but the simulation ends at 0.3\d* s, before the first grid point"
        ),
    ):
        script(*trains(1), weights(2), cotangents(3))


def test_reverting_puts_back_what_was_bound_at_import(stand_in: Path) -> None:
    before = held()
    patches.apply("bats-timestep", grid=TimeGrid(DT))
    assert not {id(now) for now in held()} & {id(old) for old in before}
    assert len({id(now) for now in held()}) == 2
    patches.revert("bats-timestep")
    assert all(now is old for now, old in zip(held(), before, strict=True))


def test_modules_imported_while_it_is_applied_are_reverted_too(stand_in: Path) -> None:
    with patches.applied("bats-timestep", grid=TimeGrid(DT)):
        assert "bats" not in sys.modules
        inside = held()
        assert len({id(now) for now in inside}) == 2
    outside = held()
    for now, was in zip(outside, inside, strict=True):
        assert now is was.__wrapped__
    assert [fingerprint(inspect.getsource(now)) for now in (outside[0], outside[-1])] == [
        known(stand_in, *each) for each in DEFINED.items()
    ]


def test_it_is_called_as_upstreams_function_is(stand_in: Path) -> None:
    before = [inspect.signature(each) for each in held()]
    with patches.applied("bats-timestep", grid=TimeGrid(DT)):
        assert [inspect.signature(each) for each in held()] == before
        assert [list(inspect.signature(each, follow_wrapped=False).parameters) for each in held()] == [
            list(each.parameters) for each in before
        ]


def test_a_name_that_somebody_else_replaced_is_refused(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held()
    module = sys.modules["bats.Layers.LIFLayer"]
    monkeypatch.setattr(module, "compute_spike_times", print)
    with pytest.raises(patches.PatchError, match=r"bats.Layers.LIFLayer.compute_spike_times is neither upstream's"):
        patches.apply("bats-timestep", grid=TimeGrid(DT))
    monkeypatch.undo()


def test_a_checkout_with_another_source_is_refused_in_words(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.PATCHES, "bats-timestep", timestep.PATCH)
    with pytest.raises(patches.PatchError) as refusal:
        patches.apply("bats-timestep", grid=TimeGrid(DT))
    text = str(refusal.value)
    assert text.startswith(f"{WRAPPERS}.Inference.compute_spike_times.compute_spike_times of bats is not the source")
    assert text.endswith(": check out commit d8dce59 of bats, or go without the patch")


def test_a_checkout_that_is_not_there_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_bats()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *(each for each in sys.path if not Path(each, "bats").is_dir())])
    rows = {row.name: row for row in patches.status()}
    assert rows["bats-timestep"].state is patches.State.NOT_NEEDED
    assert rows["bats-timestep"].reason == "bats is not on the path"
    with pytest.raises(
        patches.PatchError, match=r"found no bats on the path: put the folder of its checkout on sys.path"
    ):
        patches.apply("bats-timestep", grid=TimeGrid(DT))


@pytest.mark.parametrize("grid", [0.004, None])
def test_a_grid_that_is_none_is_refused_in_words(grid: Any) -> None:
    with pytest.raises(TypeError, match=rf"grid is {grid}: pass a bats_dt.TimeGrid, for instance TimeGrid\(dt=0.004\)"):
        patches.apply("bats-timestep", grid=grid)


def test_the_grid_is_needed() -> None:
    with pytest.raises(TypeError, match="needs an option that is missing: pass grid"):
        patches.apply("bats-timestep")


@pytest.mark.gpu
@pytest.mark.parametrize("rule", RULES)
def test_upstream_itself_emits_what_our_layers_emit(rule: str) -> None:
    if module_file("bats.Layers.LIFLayer") is None:
        pytest.skip("bats is not on the path: it is used from a checkout of Florian-BACHO/bats")
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed, which bats needs")
    if not cupy.is_available():
        pytest.skip("CuPy sees no CUDA device, which bats needs")
    grid = TimeGrid(DT, rule)
    times, counts = trains(4)
    times = grid.encode(times)
    with patches.applied("bats-timestep", grid=grid):
        from bats.Layers import InputLayer, LIFLayer
        from bats.Network import Network as Upstream

        network = Upstream()
        network.add_layer(InputLayer(n_neurons=12, name="in"), input=True)
        for n, matrix in zip((10, 4), weights(5), strict=True):
            network.add_layer(
                LIFLayer(
                    previous_layer=network.layers[-1], tau_s=TAU_S, theta=THETA, delta_theta=THETA,
                    weight_initializer=lambda *_, m=matrix: cupy.asarray(m), max_n_spike=SLOTS,
                    n_neurons=n, name=f"{n}",
                )
            )  # fmt: skip
        network.reset()
        network.forward(cupy.asarray(times), cupy.asarray(counts), END)
        out, out_counts = network.output_spike_trains
        errors = cupy.where(cupy.isfinite(out), cupy.asarray(cotangents(6)), 0).astype("float32")
        gradients = network.backward(errors)
    set_backend("cpu")
    wanted = ours(times, counts, weights(5), cotangents(6), grid)
    np.testing.assert_array_equal(out.get(), wanted.trains[-1][0])
    np.testing.assert_array_equal(out_counts.get(), wanted.trains[-1][1])
    got = SimpleNamespace(gradients=[gradient.get().mean(axis=0) for gradient in gradients[1:]])
    assert furthest(got, wanted) < TOLERANCE
