"""The log of a container keeps its end and loses nothing to those who follow in time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from azdeploy.local.container_log import ContainerLog


def test_only_the_last_bytes_are_kept() -> None:
    log = ContainerLog(limit=10)
    for number in range(100):
        log.append(f"{number:04}".encode())

    assert log.text() == "9700980099"


def test_a_broken_character_is_shown_as_one() -> None:
    log = ContainerLog()
    log.append("é".encode()[:1] + b" end")

    assert log.text() == "\N{REPLACEMENT CHARACTER} end"


def test_followers_get_each_byte_once_and_then_the_end() -> None:
    log = ContainerLog()
    log.append(b"before")
    followers = [log.follow(), log.follow()]
    log.append(b"one")
    received = [follower.receive() for follower in followers]
    log.append(b"two")
    log.append(b"three")
    log.close()

    received += [follower.receive() for follower in followers]

    assert received == [b"one", b"one", b"twothree", b"twothree"]
    assert [follower.receive() for follower in followers] == [b"", b""]


def test_a_slow_follower_gets_what_is_left() -> None:
    log = ContainerLog(limit=4)
    follower = log.follow()
    log.append(b"0123456789")

    assert follower.receive() == b"6789"


def test_closing_a_follower_wakes_who_waits_for_it() -> None:
    log = ContainerLog()
    follower = log.follow()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(follower.receive)
        follower.close()

        assert waiting.result(timeout=10) == b""
