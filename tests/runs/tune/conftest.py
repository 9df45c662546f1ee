"""A result of `lava-dt tune`, as it would be found."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lava_dt", reason="a tune's results need torch, lava-nc and lava-dl")

from lava_dt.export import Feasibility, LayerFeasibility, ParityReport
from lava_dt.export.report import LayerParity
from lava_dt.timestep import Timestep
from runs.tune.costs import Costs
from runs.tune.evaluation import Evaluation
from runs.tune.paired import Interval
from runs.tune.result import Judged, Rung, Score, TuneResult

N = 400


def evaluation(correct):
    labels = np.arange(N) % 10
    predicted = np.where(np.arange(N) < correct, labels, (labels + 1) % 10)
    counts = {
        "names": ("dense",),
        "neurons": (10,),
        "spike_totals": (7,),
        "operation_totals": (9, 7),
        "event_totals": 3,
    }
    more = {"message_totals": 3, "graded_totals": 0, "graded_operations": 0, "steps": 300, "seconds": 0.3}
    return Evaluation(predicted=predicted, labels=labels, counts=np.zeros((N, 10), np.float32), **counts, **more)


def judged(dt, correct, rule="step-invariant", finetuned=0, problems=(), base=380):
    loss = (base - correct) / N
    layer = LayerFeasibility("1 Dense", (), None, 0, 1.0, (10.0, 10.0), problems)
    costs = Costs(
        steps=-(-300 // dt),
        neuron_updates=1.5e5 / dt,
        synaptic_operations=2e6 / dt**0.5,
        effective_macs=1e4,
        messages=4e3 / dt,
        activation_sparsity=0.99,
        latency=dt * 2e-3,
        granularity=dt * 1e-3,
        seconds=0.3,
    )
    interval = Interval(loss - 0.01, loss + 0.012, 0.99) if rule else Interval(0.0, 0.0, 1.0)
    fits = Feasibility(Timestep(dt), (layer,))
    return Judged(dt, dt * 1e-3, rule, finetuned, evaluation(correct), loss, interval, costs, fits)


@pytest.fixture
def make_judged():
    """(dt, correct of 400, rule, finetuned, problems) -> Judged."""
    return judged


@pytest.fixture
def result():
    """Of a search among two rules at two steps, the coarser one fine-tuned and chosen."""
    coarse = judged(8, 340, problems=("has a delay of 600 fine steps",))
    tuned = judged(8, 378, finetuned=2)
    fine = judged(4, 379)
    scores = (
        Score(4, "step-invariant", (Rung(50, 47, 48.5), Rung(100, 95, 97.25))),
        Score(4, "tau-scaling", (Rung(50, 31, 30.5),)),
        Score(8, "step-invariant", (Rung(50, 44, 44.5), Rung(100, 90, 89.5))),
        Score(8, "tau-scaling", (), "its decay is above 1"),
    )
    parity = ParityReport(20, 38, 8, (LayerParity("1 Dense", 10, (0, 0), 1234, 0, 0, 0),), None, 1.5)
    return TuneResult(
        name="my-run",
        tolerance=0.01,
        confidence=0.95,
        fine_step=1e-3,
        samples="400 test recordings of N-MNIST",
        baseline=judged(1, 380, None),
        exact=None,
        judged=(fine, coarse, tuned),
        scores=scores,
        chosen=tuned,
        nearest=tuned,
        sentence="Run it at 8 ms & save.",
        files={"HDF5": Path("out/network/network.net")},
        parity=parity,
        notes=("NIR cannot hold the delays.",),
        seconds=61.0,
    )
