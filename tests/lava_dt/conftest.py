import lava_dt  # noqa: F401, I001  (before lava-dl: it applies the patches that importing lava-dl needs)
import pytest
import torch


@pytest.fixture(autouse=True)
def fixed_seeds():
    torch.manual_seed(1)


@pytest.fixture
def parameters():
    """Neuron parameters of the N-MNIST experiment (EQUATIONS A.7)."""
    return {
        "threshold": 1.25,
        "current_decay": 0.25,
        "voltage_decay": 0.03,
        "tau_grad": 0.03,
        "scale_grad": 3,
    }


@pytest.fixture
def spikes():
    """Random spikes (batch, neuron, time) at 10 % density, T = 100."""
    return (torch.rand(4, 40, 100, generator=torch.Generator().manual_seed(7)) < 0.1).float()


@pytest.fixture(params=["on the CPU", pytest.param("on a GPU", marks=pytest.mark.gpu)])
def where(request):
    """Where a CUDA kernel and its tensors are: the stand-in for a GPU on the CPU, then a GPU."""
    if request.param == "on a GPU":
        return request.getfixturevalue("torch_gpu")
    request.getfixturevalue("cuda_on_cpu")
    return torch.device("cpu")
