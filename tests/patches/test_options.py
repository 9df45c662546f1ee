"""Patches that take options, and functions that several patches wrap, on a small upstream made here."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import pytest

import patches
from patches import registry
from patches.layer import Layer
from patches.option import Option
from patches.patch import Patch
from patches.source import fingerprint, symbol_text

SOURCE = "def ready():\n    return 'upstream'\n"


def a_word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"word is {value!r}: it must be a string")
    return value


WORD = Option(name="word", meaning="what it says, a string", check=a_word, required=True)
TIMES = Option(name="times", meaning="how often", check=int, default=1)


def saying(word: str = "patched", times: int = 1) -> Callable[..., Any]:
    def make(below: Any, word: str = word, times: int = times) -> Any:
        @functools.wraps(below)
        def ready() -> str:
            return " ".join([word] * times + [below()])

        return ready

    return make


def patch_of(name: str = "faux-ready", make: Callable[..., Any] | None = None, options: Any = (WORD, TIMES)) -> Patch:
    text = symbol_text(SOURCE, "ready")
    assert text is not None
    return Patch(
        name=name,
        reason="it says upstream",
        package="faux-up",
        versions=("1.0",),
        changes=(Layer("faux_up.doors", "ready", (fingerprint(text),), make or saying()),),
        options=options,
    )


@pytest.fixture
def register(small_upstream: Callable[..., Callable[..., None]]) -> Callable[..., None]:
    return small_upstream("doors", SOURCE)


def doors() -> Any:
    return importlib.import_module("faux_up.doors")


def row(name: str = "faux-ready") -> patches.PatchStatus:
    return next(row for row in patches.status() if row.name == name)


def test_options_reach_the_patch_and_its_status(register: Any) -> None:
    register(patch_of())
    assert row().reason == "it says upstream (options: word, times=1)"
    assert row().options == {}
    rows = patches.apply("faux-ready", word="hello", times="2")
    assert rows[0].options == {"word": "hello", "times": 2}
    assert doors().ready() == "hello hello upstream"
    assert row().options == {"word": "hello", "times": 2}
    assert row().reason == "it says upstream (word='hello', times=2)"
    assert patches.revert("faux-ready")[0].options == {}
    assert doors().ready() == "upstream"


def test_options_given_before_the_import_act_at_the_import(register: Any) -> None:
    register(patch_of())
    patches.apply("faux-ready", word="early")
    assert row().reason == "it says upstream (word='early', times=1) (waits for the import of faux_up.doors)"
    assert doors().ready() == "early upstream"
    assert importlib.reload(doors()).ready() == "early upstream"


def test_the_same_options_again_change_nothing_and_others_are_refused(register: Any) -> None:
    register(patch_of())
    patches.apply("faux-ready", word="once")
    live = doors().ready
    patches.apply("faux-ready", word="once", times=1)
    assert doors().ready is live
    with pytest.raises(patches.PatchError) as refusal:
        patches.apply("faux-ready", word="twice", times=2)
    assert str(refusal.value) == (
        "the patch 'faux-ready' is applied with word='once', times=1: revert it before it is applied with "
        "word='twice', times=2"
    )
    assert doors().ready is live
    with (
        patches.applied("faux-ready", word="once"),
        pytest.raises(patches.PatchError, match="is applied with word='once'"),
        patches.applied("faux-ready", word="other"),
    ):
        pass
    assert doors().ready is live


def test_a_with_block_takes_options(register: Any) -> None:
    register(patch_of())
    for word in ("one", "two"):
        with patches.applied("faux-ready", word=word) as rows:
            assert rows[0].options == {"word": word, "times": 1}
            assert doors().ready() == f"{word} upstream"
    assert doors().ready() == "upstream"


def test_wrong_options_are_refused_in_words_and_nothing_is_applied(register: Any) -> None:
    register(patch_of(), patch_of("faux-plain", options=()))
    with pytest.raises(TypeError) as unknown:
        patches.apply("faux-ready", word="x", wrod="y")
    assert str(unknown.value) == "the patch 'faux-ready' has no option 'wrod': its options are word, times=1"
    with pytest.raises(TypeError) as missing:
        patches.apply("faux-ready", times=3)
    assert str(missing.value) == (
        "the patch 'faux-ready' needs an option that is missing: pass word (what it says, a string)"
    )
    with pytest.raises(TypeError, match="word is 3: it must be a string"):
        patches.apply("faux-ready", word=3)
    with pytest.raises(TypeError, match="the patch 'faux-plain' has no option 'dt': it has none"):
        patches.apply("faux-plain", dt=3)
    with pytest.raises(TypeError, match="'all-of-them' is a set of patches, and a set takes no options, but dt=3 was"):
        patches.apply("all-of-them", dt=3)
    assert {row.state for row in patches.status()} == {patches.State.NOT_APPLIED}
    assert doors().ready() == "upstream"


def three_layers(register: Any) -> Any:
    register(*(patch_of(name, saying(name), options=()) for name in ("first", "second", "third")))
    return doors().ready


@pytest.mark.parametrize("order", [("first", "second", "third"), ("third", "first", "second")])
def test_patches_of_one_function_come_and_go_in_any_order(register: Any, order: tuple[str, ...]) -> None:
    upstream = three_layers(register)
    for name in ("first", "second", "third"):
        patches.apply(name)
        patches.apply(name)
    assert doors().ready() == "third second first upstream"
    left = ["third", "second", "first"]
    for name in order:
        patches.revert(name)
        left.remove(name)
        assert doors().ready() == " ".join([*left, "upstream"])
    assert doors().ready is upstream


def test_layers_are_all_there_after_a_reload(register: Any) -> None:
    three_layers(register)
    patches.apply("second")
    patches.apply("first")
    assert importlib.reload(doors()).ready() == "first second upstream"
    patches.revert("second")
    patches.revert("first")
    assert doors().ready() == "upstream"


def test_layers_leave_alone_what_others_have_replaced(register: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = three_layers(register)
    patches.apply("first")
    ours = doors().ready
    doors().ready = len
    for attempt in (lambda: patches.apply("second"), lambda: patches.revert("first")):
        with pytest.raises(patches.PatchError, match=r"faux_up\.doors\.ready was replaced"):
            attempt()
    assert doors().ready is len
    doors().ready = ours
    patches.revert("first")
    assert doors().ready is upstream


def test_a_layer_that_cannot_be_made_leaves_the_others(register: Any) -> None:
    def broken(below: Any) -> Any:
        raise ValueError("no such door")

    register(patch_of("good", saying("good"), ()), patch_of("bad", broken, ()))
    upstream = doors().ready
    patches.apply("good")
    with pytest.raises(ValueError, match="no such door"):
        patches.apply("bad")
    assert doors().ready() == "good upstream"
    patches.revert("good")
    assert doors().ready is upstream


def test_no_member_of_a_set_needs_an_option() -> None:
    for members in registry.SETS.values():
        assert not [option for name in members for option in registry.PATCHES[name].options if option.required]
