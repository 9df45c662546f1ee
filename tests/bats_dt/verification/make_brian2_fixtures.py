"""Simulates small networks with brian2 and writes their spikes to fixtures/brian2.json, for test_brian2.py.

brian2 is no dependency of this project. To make the file anew, from this folder:

    uv venv --python 3.11 brian && uv pip install --python brian brian2==2.9.0 numpy==1.26.4
    brian/bin/python make_brian2_fixtures.py

brian2 is clock-driven. Between steps its 'exact' updater solves the linear equations exactly; what a step costs is
where spikes may lie. Input spikes are given on the grid. A crossing is seen, and the potential reset, at the first
step at which V >= threshold, up to one step late; input and output spikes carry the number of the step at whose end
they act, so that there is no further shift. A late reset, or a late spike of the layer below, delays what follows, the
more so the flatter the potential is at its crossing.

A network is therefore taken only if it is well conditioned, which is judged by brian2 alone: its seeds are tried in
turn, and the first is kept that has 8 to 40 spikes a layer and for which steps of 4 us and of 1 us give every neuron
the same number of spikes, none of which moves by more than 24 us (six coarse steps). An error in proportion to the
step is then at most 8 us in the run with steps of 1 us, whose spikes are written.
"""

# ruff: noqa: T201
import json
from itertools import chain
from pathlib import Path

import brian2 as b2
import numpy as np

STEP, COARSE_STEP, MOST_MOVED = 1e-6, 4e-6, 24e-6  # [s]
DURATION = 0.06  # [s]
SIZES = (8, 6, 4)  # inputs, first and second layer
SPIKES_PER_INPUT = 2
LEAST_SPIKES, MOST_SPIKES = 8, 40  # of a layer
# (tau_syn, tau_mem [s], threshold, reset): 2:1 as BATS has it, equal, nearly equal, membrane faster, slower
NEURONS = (
    (0.010, 0.020, 1.0, 1.0),
    (0.010, 0.020, 1.0, 0.6),
    (0.010, 0.010, 1.0, 1.0),
    (0.010, 0.010001, 1.0, 1.0),
    (0.010, 0.006, 1.0, 1.0),
    (0.005, 0.030, 1.0, 1.3),
)


def peak(tau_syn, tau_mem):
    """The highest potential after one input spike of weight 1, by sampling [s]."""
    s = np.linspace(0, 10 * max(tau_syn, tau_mem), 20001)
    if abs(tau_syn - tau_mem) < 1e-5:
        return np.max(s * np.exp(-s / tau_syn))
    return np.max((np.exp(-s / tau_mem) - np.exp(-s / tau_syn)) * tau_mem * tau_syn / (tau_mem - tau_syn))


def draw(seed, tau_syn, tau_mem):
    """Input times (inputs, spikes) on the coarse grid and the weights (n_post, n_pre) of both layers [1/s]."""
    rng = np.random.default_rng(seed)
    steps = rng.choice(int(0.04 / COARSE_STEP), (SIZES[0], SPIKES_PER_INPUT), replace=False)
    inputs = np.sort(steps, axis=1) * COARSE_STEP
    unit = 1 / peak(tau_syn, tau_mem)
    first = rng.uniform(-0.2, 0.6, (SIZES[1], SIZES[0])) * unit
    second = rng.uniform(-0.15, 0.4, (SIZES[2], SIZES[1])) * unit
    return inputs, [first, second]


def simulate(step, inputs, weights, tau_syn, tau_mem, threshold, reset):
    """Spike times of the two layers, a sorted list a neuron [s]."""
    b2.start_scope()
    b2.defaultclock.dt = step * b2.second
    # One symbol for equal constants: the general solution divides by their difference
    current = "tau_mem" if tau_syn == tau_mem else "tau_syn"
    equations = f"""
        dV/dt = -V / tau_mem + I : 1
        dI/dt = -I / {current} : Hz
    """
    constants = {"tau_syn": tau_syn * b2.second, "tau_mem": tau_mem * b2.second, "theta": threshold, "lost": reset}
    neurons, times = np.nonzero(np.ones_like(inputs))[0], inputs.ravel()
    below = b2.SpikeGeneratorGroup(len(inputs), neurons, times * b2.second)
    parts, monitors = [below], []
    for matrix in weights:
        group = b2.NeuronGroup(
            len(matrix), equations, threshold="V >= theta", reset="V -= lost", method="exact", namespace=constants
        )
        synapses = b2.Synapses(below, group, "w : Hz", on_pre="I_post += w")
        synapses.connect()
        synapses.w = matrix[np.asarray(synapses.j), np.asarray(synapses.i)] * b2.Hz
        monitor = b2.SpikeMonitor(group)
        parts += [group, synapses, monitor]
        monitors.append(monitor)
        below = group
    b2.Network(*parts).run(DURATION * b2.second, namespace={})
    return [
        [sorted(np.asarray(trains[neuron] / b2.second).tolist()) for neuron in sorted(trains)]
        for trains in (monitor.spike_trains() for monitor in monitors)
    ]


def moved(coarse, fine):
    """The largest difference of a spike's time [s], inf where the numbers of spikes differ."""
    largest = 0.0
    for one, other in zip(chain(*coarse), chain(*fine), strict=True):
        if len(one) != len(other):
            return np.inf
        largest = max([largest, *np.abs(np.subtract(one, other))])
    return largest


def make(number, neuron):
    """The first well-conditioned network of one kind of neuron."""
    for seed in range(1000 * number, 1000 * (number + 1)):
        inputs, weights = draw(seed, *neuron[:2])
        coarse = simulate(COARSE_STEP, inputs, weights, *neuron)
        if not all(LEAST_SPIKES <= sum(map(len, layer)) <= MOST_SPIKES for layer in coarse):
            continue
        fine = simulate(STEP, inputs, weights, *neuron)
        by = moved(coarse, fine)
        print(neuron, seed, [sum(map(len, layer)) for layer in fine], f"moved by {by:.1e} s")
        if by <= MOST_MOVED:
            return {
                **dict(zip(("tau_syn", "tau_mem", "threshold", "reset"), neuron, strict=True)),
                "seed": seed,
                "moved": by,
                "inputs": inputs.round(9).tolist(),
                "weights": [matrix.tolist() for matrix in weights],
                "spikes": [[[round(time, 9) for time in train] for train in layer] for layer in fine],
            }
    raise RuntimeError(f"no seed gave a well-conditioned network of {neuron}")


if __name__ == "__main__":
    b2.prefs.codegen.target = "cython"
    written = {
        "brian2": b2.__version__,
        "step": STEP,
        "duration": DURATION,
        "networks": [make(number, neuron) for number, neuron in enumerate(NEURONS)],
    }
    path = Path(__file__).parent / "fixtures" / "brian2.json"
    path.write_text(json.dumps(written) + "\n", encoding="utf-8")
