import os
import threading

import numba
import pytest

from bats_dt.kernels.threads import run_pieces, use_threads


@pytest.fixture(params=[1, 2, 3])
def threads(request, monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", request.param)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 32, 1000])
def test_every_index_is_in_exactly_one_piece(threads, n):
    seen: list[int] = []
    run_pieces(n, lambda first, end: seen.extend(range(first, end)))
    assert sorted(seen) == list(range(n))


def test_an_error_in_a_piece_reaches_the_caller(threads):
    def fail(first, end):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_pieces(10, fail)


def test_ctrl_c_within_a_kernel_is_a_keyboard_interrupt(threads):
    def interrupted(first, end):
        try:
            raise SystemError("unpickling returned a result with an exception set") from KeyboardInterrupt()
        except SystemError as inner:
            raise SystemError("the kernel returned a result with an exception set") from inner

    with pytest.raises(KeyboardInterrupt):
        run_pieces(10, interrupted)


def test_any_other_error_of_the_interpreter_stays_one(threads):
    def broken(first, end):
        raise SystemError("returned NULL")

    with pytest.raises(SystemError, match="returned NULL"):
        run_pieces(10, broken)


def test_pieces_run_on_more_than_one_thread(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 2)
    meeting = threading.Barrier(2, timeout=30)
    run_pieces(2, lambda first, end: meeting.wait())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_runs_pieces_after_its_parent_has(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 2)
    run_pieces(8, lambda first, end: None)
    child = os.fork()
    if child == 0:
        seen: list[int] = []
        run_pieces(8, lambda first, end: seen.extend(range(first, end)))
        os._exit(0 if sorted(seen) == list(range(8)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_block_of_code_can_use_threads_of_its_own_number(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 1)
    alone = threading.get_ident()
    meeting = threading.Barrier(2, timeout=30)
    with use_threads(2):
        run_pieces(2, lambda first, end: meeting.wait())
        with use_threads(1):
            seen: set[int] = set()
            run_pieces(100, lambda first, end: seen.add(threading.get_ident()))
            assert seen == {alone}
        meeting.reset()
        run_pieces(2, lambda first, end: meeting.wait())
    pieces: list[tuple[int, int]] = []
    run_pieces(100, lambda first, end: pieces.append((first, end)))
    assert pieces == [(0, 100)], "outside it is the environment's number again"


def test_fewer_threads_than_one_are_refused():
    with pytest.raises(ValueError, match="threads is 0: at least 1 is needed, the calling thread"), use_threads(0):
        pass


def test_little_work_wakes_no_other_thread():
    names = []
    with use_threads(3):
        run_pieces(100, lambda first, end: names.append((threading.current_thread().name, first, end)), updates=1000)
    assert names == [(threading.current_thread().name, 0, 100)]
