"""Each defect of lava-nc: there without its patch, gone with it, back after the revert."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import patches

Needed = Callable[[str], None]
RunPython = Callable[[str], str]

MESSAGES = "lava.magma.runtime.message_infrastructure.multiprocessing"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 lets a dataclass have unhashable defaults")
def test_variable_models_can_be_imported(run_python: RunPython) -> None:
    run_python(
        "import builtins, dataclasses, patches\n"
        "dataclass, build, fields = dataclasses.dataclass, builtins.__build_class__, dict(vars(dataclasses))\n"
        "try:\n"
        "    import lava.magma.compiler.var_model\n"
        "except ValueError as error:\n"
        "    assert 'mutable default' in str(error), error\n"
        "else:\n"
        "    raise SystemExit('the defect is not there')\n"
        "patches.apply('lava-nc-byte-encoder')\n"
        "from lava.magma.compiler import var_model\n"
        "from lava.proc.lif.process import LIF\n"
        "one, other = var_model.ByteEncoder(1), var_model.ByteEncoder(1)\n"
        "assert one == other and hash(one) != hash(other)\n"
        "assert var_model.CoreEncoder() == var_model.CoreEncoder()\n"
        "assert vars(var_model)['__builtins__'] in (builtins, vars(builtins))\n"
        "assert dict(vars(dataclasses)) == fields and builtins.__build_class__ is build\n"
        "patches.revert('lava-nc-byte-encoder')\n"
        "assert var_model.ByteEncoder.__hash__ is None\n"
        "patches.apply('lava-nc-byte-encoder')\n"
        "assert hash(one) == object.__hash__(one)\n"
    )


def test_reshape_ports_reshape(needed: Needed) -> None:
    needed("lava-nc-reshape-port")
    from lava.magma.core.process.ports.ports import ReshapePort

    port = ReshapePort(new_shape=(6,), old_shape=(2, 3))
    data = np.arange(6).reshape(2, 3)
    upstream = ReshapePort.get_transform_func_fwd, ReshapePort.get_transform_func_bwd
    for transform in (port.get_transform_func_fwd(), port.get_transform_func_bwd()):
        with pytest.raises(TypeError, match="newshape"):
            transform(data)
    patches.apply("lava-nc-reshape-port")
    np.testing.assert_array_equal(port.get_transform_func_fwd()(data), np.arange(6))
    np.testing.assert_array_equal(port.get_transform_func_bwd()(np.arange(6)), data)
    patches.revert("lava-nc-reshape-port")
    assert (ReshapePort.get_transform_func_fwd, ReshapePort.get_transform_func_bwd) == upstream


def test_wide_convolutions_have_a_shape(needed: Needed) -> None:
    needed("lava-nc-conv-shape")
    from lava.proc.conv import utils

    def shape(width: Any, number: type) -> Any:
        window = [np.array([value, value], dtype=number) for value in (3, 1, 1, 2)]  # kernel, stride, pad, dilation
        return utils.output_shape((width, 9, 1), 4, *window)

    with pytest.raises(OverflowError):
        shape(200, np.int8)
    expected = {width: shape(width, np.int64) for width in (1, 5, 124, 125, 126, 127, 128, 200, 1000) if width > 2}
    patches.apply("lava-nc-conv-shape")
    assert {width: shape(width, np.int8) for width in expected} == expected
    assert shape(200, np.int8) == (198, 7, 4)
    with pytest.raises(Exception, match="output x dimension"):
        shape(1, np.int8)


def test_the_runtime_can_be_imported_after_multiprocessing_was_used(run_python: RunPython) -> None:
    run_python(
        "import multiprocessing, sys, patches\n"
        "patches.apply('lava-nc-byte-encoder')\n"
        "multiprocessing.set_start_method('fork')\n"
        "try:\n"
        f"    import {MESSAGES}\n"
        "except RuntimeError as error:\n"
        "    assert 'context has already been set' in str(error), error\n"
        "else:\n"
        "    raise SystemExit('the defect is not there')\n"
        "upstream = multiprocessing.set_start_method\n"
        "patches.apply('lava-nc-start-method')\n"
        f"import {MESSAGES} as messages\n"
        "assert messages.mp is multiprocessing and multiprocessing.set_start_method == upstream\n"
        "assert issubclass(messages.SystemProcess, multiprocessing.Process)\n"
        "patches.revert('lava-nc-start-method')\n"
        f"del sys.modules['{MESSAGES}']\n"
        "try:\n"
        f"    import {MESSAGES}\n"
        "except RuntimeError:\n"
        "    pass\n"
        "else:\n"
        "    raise SystemExit('the revert left the patch')\n"
    )


def test_the_runtime_still_chooses_fork_where_nothing_is_chosen(run_python: RunPython) -> None:
    run_python(
        "import multiprocessing, patches\n"
        "patches.apply('modern-python')\n"
        f"import {MESSAGES}\n"
        "assert multiprocessing.get_start_method(allow_none=True) == 'fork'\n"
    )


def test_another_start_method_is_refused_in_words(run_python: RunPython) -> None:
    said = run_python(
        "import multiprocessing, patches\n"
        "patches.apply('modern-python')\n"
        "multiprocessing.set_start_method('spawn')\n"
        "try:\n"
        f"    import {MESSAGES}\n"
        "except RuntimeError as error:\n"
        "    print(error)\n"
    )
    assert said.startswith(
        "Lava runs its processes with multiprocessing's start method 'fork', but this program has fixed it to "
        "'spawn': call multiprocessing.set_start_method('fork', force=True) before Lava's runtime is imported"
    )
