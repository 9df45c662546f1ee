"""lava-dl's own tests of CuBa neuron, blocks, leaky integrator, losses and recurrence, with ours in place at dt = 1.

All of them pass but for the assertions in `NOT_HELD`. None of them needs CUDA: on a machine without it lava-dl's suites
test the CPU path, and so does this.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

# With our recurrence as custom_recurrent. Its test asks for the gradient of neurons that are called one step at a time,
# where the state is cut off between calls: current and voltage do not leak in the backward pass. Ours goes back through
# the leaks; tests/lava_dt/dynamics/test_recurrent.py and test_gradients.py hold it to its adjoint and to autograd.
NOT_HELD = ("recurrent_weight_error_1", "recurrent_weight_error_2")

SUITES = {  # tests in each
    "neuron.test_cuba": 7,
    "block.test_cuba": 4,
    "neuron.dynamics.test_leaky_integrator": 5,
    "test_loss": 3,
    "utils.test_recurrent": 1,
}

RUN = """
import importlib, json, re, sys, unittest
import numpy as np, torch
import lava_dt
from lava.lib.dl import slayer
import lava.lib.dl.slayer.neuron, lava.lib.dl.slayer.block
import lava_dt.neuron, lava_dt.block.cuba
from lava_dt.dynamics import recurrent

calls = {"integrator": 0, "recurrent": 0}

def dynamics(input, decay, state, w_scale, threshold=None, debug=False):
    calls["integrator"] += 1
    return lava_dt.Timestep().integrate(input, decay, state, w_scale, threshold)

def custom_recurrent(z, neuron, synapse):
    calls["recurrent"] += 1
    cells = recurrent.Cells(neuron.current_step_decay, neuron.voltage_step_decay, neuron.level, neuron.s_scale, False,
                            neuron.surrogate_width, neuron.surrogate_scale)
    rest = torch.zeros(z.shape[:2])
    weights = synapse.pre_hook_fx(synapse.weight.flatten(1))
    spikes, *_ = recurrent.respond(z.transpose(1, 2), weights, cells, rest, rest)
    return spikes.transpose(1, 2)

sys.modules["lava.lib.dl.slayer.neuron.cuba"] = slayer.neuron.cuba = lava_dt.neuron
sys.modules["lava.lib.dl.slayer.block.cuba"] = slayer.block.cuba = lava_dt.block.cuba
slayer.neuron.dynamics.leaky_integrator.dynamics = dynamics

def run(module):
    result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromModule(module))
    failed = [f"{case.id()}: {text}" for case, text in result.failures + result.errors]
    return {"run": result.testsRun, "skipped": len(result.skipped), "failed": failed}

suites = json.loads(sys.argv.pop())
outcome = {}
for name in suites:
    np.random.seed(5)  # one of them draws its own seed
    module = importlib.import_module("tests.lava.lib.dl.slayer." + name)
    if name == "test_loss":  # spikes of our block in place of random ones
        torch.manual_seed(3)
        params = {"threshold": 0.5, "current_decay": 0.5, "voltage_decay": 0.5}
        block = lava_dt.cuba.Dense(params, 20, module.num_classes, weight_scale=6)
        module.input_data = block((torch.rand(module.num_samples, 20, module.timesteps) < 0.3).float()).detach()
        module.rates = module.calculate_timestep_rates(module.input_data, module.moving_window)
        assert 0.1 < module.input_data.mean() < 0.9 and not module.input_data.is_contiguous()
    outcome[name] = run(module)

ours = sys.modules["tests.lava.lib.dl.slayer.neuron.test_cuba"].cuba.Neuron is lava_dt.neuron.Neuron
ours = ours and sys.modules["tests.lava.lib.dl.slayer.block.test_cuba"].slayer.block.cuba is lava_dt.block.cuba
module = sys.modules["tests.lava.lib.dl.slayer.utils.test_recurrent"]
outcome["ours"] = ours and module.Neuron is lava_dt.neuron.Neuron and calls["integrator"] == 2

module.custom_recurrent = custom_recurrent
held = {}
def record(self, condition, message):
    held[re.search(r"Found (\\w+)=", message)[1]] = bool(condition)
module.TestRecurrent.assertTrue = record
outcome["recurrence"] = run(module)
outcome["held"] = held
outcome["ours"] = outcome["ours"] and calls["recurrent"] == 1
print("OUTCOME" + json.dumps(outcome))
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    spec = importlib.util.find_spec("lava")
    if spec is None or not any(
        (Path(folder).parent / "tests/lava/lib/dl/slayer").is_dir() for folder in spec.submodule_search_locations
    ):
        pytest.skip("the installed lava-dl carries no tests")
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(list(SUITES))],
        cwd=tmp_path_factory.mktemp("upstream"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout.partition("OUTCOME")[2])


@pytest.mark.parametrize("name", SUITES)
def test_lava_dls_own_tests_pass_with_our_modules_in_place_of_theirs(outcome, name):
    assert outcome["ours"]
    assert outcome[name] == {"run": SUITES[name], "skipped": 0, "failed": []}


def test_our_recurrence_in_place_of_theirs_holds_all_but_the_assertions_of_a_known_defect(outcome):
    assert outcome["recurrence"]["failed"] == [] and outcome["recurrence"]["run"] == 1
    assert len(outcome["held"]) == 8 and {"forward_error_1", "forward_error_2"} < outcome["held"].keys()
    assert outcome["held"] == {name: name not in NOT_HELD for name in outcome["held"]}
