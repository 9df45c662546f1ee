import pytest
import torch


@pytest.fixture
def gpu():
    """A CUDA device that CuPy can use, or a skip that says what is missing."""
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device")
    pytest.importorskip("cupy", reason="CuPy is not installed")
    return torch.device("cuda")


@pytest.fixture(params=["on the CPU", pytest.param("on a GPU", marks=pytest.mark.gpu)])
def where(request):
    """Where a CUDA kernel and its tensors are: the stand-in for a GPU on the CPU, then a GPU."""
    if request.param == "on a GPU":
        return request.getfixturevalue("gpu")
    request.getfixturevalue("cuda_on_cpu")
    return torch.device("cpu")
