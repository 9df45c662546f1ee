import pytest
import torch


@pytest.fixture(params=["on the CPU", pytest.param("on a GPU", marks=pytest.mark.gpu)])
def where(request):
    """Where a CUDA kernel and its tensors are: the stand-in for a GPU on the CPU, then a GPU."""
    if request.param == "on a GPU":
        return request.getfixturevalue("torch_gpu")
    request.getfixturevalue("cuda_on_cpu")
    return torch.device("cpu")
