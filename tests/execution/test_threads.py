"""Calls in threads, and calls that are put off."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Event, Timer, current_thread

from azdeploy.execution.threads import Threads
from azdeploy.testing import VirtualClock


def test_results_come_to_the_waiting_thread() -> None:
    threads = Threads(1, VirtualClock())
    found: list[tuple[str, str]] = []

    def over(call: Future[str]) -> None:
        found.append((call.result(), current_thread().name))

    threads.run(lambda: current_thread().name, over)
    while not found:
        threads.wait([1.0])
    threads.close()
    worker, waiting = found[0]
    assert worker.startswith("azdeploy")
    assert waiting == current_thread().name


def test_a_later_call_waits_for_its_time() -> None:
    clock = VirtualClock()
    threads = Threads(1, clock)
    made: list[float] = []
    threads.later(5.0, lambda: made.append(clock.now))
    threads.wait([2.0])
    assert (made, clock.now) == ([], 2.0)
    threads.wait([9.0])
    assert made == [5.0]
    threads.close()


def test_closing_drops_what_has_not_begun_and_waits_for_what_has() -> None:
    threads = Threads(1, VirtualClock())
    begun, go_on = Event(), Event()
    made: list[str] = []

    def first() -> None:
        begun.set()
        go_on.wait(30)
        made.append("first")

    threads.run(first, lambda call: None)
    threads.run(lambda: made.append("second"), lambda call: None)
    assert begun.wait(30)
    Timer(0.3, go_on.set).start()
    threads.close()
    assert made == ["first"]
