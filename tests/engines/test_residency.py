"""Who is loaded: budget, eviction in order of use, memory that runs out, many threads at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from engines.base import EngineError
from engines.residency import Residency, of_machine, out_of_memory

MB = 1_000_000


class Card:
    """A pretended card that counts what is on it and refuses more than it holds."""

    def __init__(self, holds: int = 1000 * MB) -> None:
        self.holds = holds
        self.there: dict[str, int] = {}
        self.loads: list[str] = []
        self.most = 0
        self.lock = threading.Lock()

    def load(self, key: str, size: int, slow_s: float = 0.0) -> Callable[[], str]:
        def loading() -> str:
            time.sleep(slow_s)
            with self.lock:
                if sum(self.there.values()) + size > self.holds:
                    raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
                self.there[key] = size
                self.loads.append(key)
                self.most = max(self.most, sum(self.there.values()))
            return key

        return loading

    def unload(self, key: str) -> None:
        with self.lock:
            del self.there[key]


def hold(residency: Residency, card: Card, key: str, size: int) -> None:
    with residency.hold(key, card.load(key, size), size, card.unload) as model:
        assert model == key
        assert key in card.there


def test_a_model_is_loaded_once_and_stays() -> None:
    card, residency = Card(), Residency(100 * MB)
    for _ in range(3):
        hold(residency, card, "a", 10 * MB)
    assert card.loads == ["a"]
    assert dict(residency.loaded()) == {"a": 10 * MB}


def test_the_longest_unused_gives_way_and_no_more_than_needed() -> None:
    card, residency = Card(), Residency(100 * MB)
    for key in ("a", "b", "c", "a"):
        hold(residency, card, key, 30 * MB)
    hold(residency, card, "d", 30 * MB)
    assert list(residency.loaded()) == ["c", "a", "d"]
    assert set(card.there) == {"a", "c", "d"}


def test_what_is_held_is_never_evicted() -> None:
    card, residency = Card(), Residency(100 * MB, wait_s=0.1)
    with residency.hold("a", card.load("a", 60 * MB), 60 * MB, card.unload):
        with pytest.raises(EngineError, match=r"b needs 20\.0 MB more than is free; in use: a") as refusal:
            hold(residency, card, "b", 60 * MB)
        assert refusal.value.hint
        assert card.there == {"a": 60 * MB}
    hold(residency, card, "b", 60 * MB)
    assert set(card.there) == {"b"}


def test_more_than_the_budget_is_refused_before_loading() -> None:
    card, residency = Card(), Residency(100 * MB)
    with pytest.raises(EngineError, match=r"needs 0\.2 GB, more than the 0\.1 GB there are"):
        hold(residency, card, "big", 200 * MB)
    assert not card.loads


def test_out_of_memory_lets_idle_ones_go_and_tries_once_more() -> None:
    card, residency = Card(holds=50 * MB), Residency(100 * MB)
    hold(residency, card, "a", 30 * MB)
    hold(residency, card, "b", 30 * MB)
    assert set(card.there) == {"b"}
    assert card.loads == ["a", "b"]


def test_out_of_memory_twice_is_one_line_with_a_remedy() -> None:
    card, residency = Card(holds=10 * MB), Residency(100 * MB)
    with pytest.raises(EngineError, match="not enough memory for a") as refusal:
        hold(residency, card, "a", 30 * MB)
    assert "Close other programs" in refusal.value.hint
    assert not residency.loaded()


def test_another_failure_passes_and_leaves_nothing_behind() -> None:
    residency = Residency(100 * MB)

    def broken() -> str:
        raise ValueError("no such layer")

    with pytest.raises(ValueError, match="no such layer"), residency.hold("a", broken, 10 * MB):
        pass
    assert not residency.loaded()
    card = Card()
    hold(residency, card, "a", 10 * MB)


def test_one_load_serves_all_who_wait_for_it() -> None:
    card, residency = Card(), Residency(100 * MB)
    together = threading.Barrier(6)

    def work() -> None:
        together.wait()
        with residency.hold("a", card.load("a", 10 * MB, slow_s=0.05), 10 * MB, card.unload):
            together.wait(5)

    run_all([threading.Thread(target=work) for _ in range(6)])
    assert card.loads == ["a"]


def test_many_threads_stay_within_the_budget_and_unload_each_once() -> None:
    card, residency = Card(holds=100 * MB), Residency(100 * MB, wait_s=30)

    def work(start: int) -> None:
        for turn in range(60):
            key = "abcde"[(start + turn * 3) % 5]
            with residency.hold(key, card.load(key, 40 * MB), 40 * MB, card.unload):
                assert key in card.there

    run_all([threading.Thread(target=work, args=(n,)) for n in range(8)])
    assert card.most <= 100 * MB
    assert residency.evict_idle() == sum(residency.loaded().values()) or not card.there
    assert not card.there


def run_all(threads: list[threading.Thread]) -> None:
    failures: list[BaseException] = []
    before, threading.excepthook = threading.excepthook, lambda args: failures.append(args.exc_value or args.exc_type())
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        threading.excepthook = before
    assert not failures
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize(
    ("error", "so"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("BFCArena: Failed to allocate memory for requested buffer"), True),
        (RuntimeError("shape mismatch"), False),
    ],
)
def test_memory_that_ran_out_is_recognised(error: Exception, so: bool) -> None:
    assert out_of_memory(error) is so


def test_room_for_work_is_free_while_it_lasts_and_idle_models_give_way() -> None:
    card, residency = Card(), Residency(100 * MB)
    hold(residency, card, "upscaler", 40 * MB)
    with residency.hold("painter", card.load("painter", 50 * MB), 50 * MB, card.unload):
        with residency.room("painter", 10 * MB):
            assert "upscaler" in card.there
        with residency.room("painter", 30 * MB):
            assert "upscaler" not in card.there
            assert sum(residency.loaded().values()) == 80 * MB
        assert dict(residency.loaded()) == {"painter": 50 * MB}
        with (
            pytest.raises(EngineError, match="more than is free"),
            Residency.room(_impatient(residency), "painter", 60 * MB),
        ):
            pass
    assert dict(residency.loaded()) == {"painter": 50 * MB}


def _impatient(residency: Residency) -> Residency:
    residency._wait_s = 0.0
    return residency


def test_a_model_that_is_not_trusted_is_forgotten_unless_it_is_held() -> None:
    card, residency = Card(), Residency(100 * MB)
    with residency.hold("a", card.load("a", MB), MB, card.unload):
        assert not residency.forget("a") and "a" in card.there
    assert residency.forget("a") and not card.there
    assert residency.forget("a")
    hold(residency, card, "a", MB)
    assert card.loads == ["a", "a"]


def test_everything_on_one_machine_shares_one_budget() -> None:
    assert of_machine(24 * MB) is of_machine(24 * MB)


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "[enforce fail at alloc_cpu.cpp:125] DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes",
        "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory: you tried to allocate 64 bytes",
        "CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)",
    ],
)
def test_memory_that_ran_out_is_known_in_every_library_s_words(words: str) -> None:
    assert out_of_memory(RuntimeError(words))
