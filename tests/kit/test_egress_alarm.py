"""The deadline of a request: it cancels its own task, and takes no cancellation of others for its own."""

from __future__ import annotations

import asyncio
import time

import pytest

from jackfield.egress.alarm import Alarms

LONG = 60.0


async def wait(seconds: float, alarms: Alarms | None = None) -> str:
    alarm = (alarms or Alarms()).set(time.monotonic() + seconds)
    try:
        await asyncio.sleep(LONG)
        return "slept"
    except asyncio.CancelledError:
        if not alarm.was_it():
            raise
        return "rang"
    finally:
        alarm.stop()


@pytest.mark.parametrize("seconds", [0.01, 0, -1])
async def test_it_rings_when_the_time_is_over_and_leaves_the_task_uncancelled(seconds: float) -> None:
    assert await wait(seconds) == "rang"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_somebody_elses_cancellation_goes_on() -> None:
    task = asyncio.create_task(wait(LONG))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_outer_timeout_is_not_taken_for_it() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await wait(LONG)


async def test_a_stopped_alarm_does_not_ring() -> None:
    alarms = Alarms()
    alarms.set(time.monotonic() + 0.001).stop()

    assert await wait(0.02, alarms) == "rang"


async def test_those_whose_time_is_over_are_cancelled_and_nobody_else() -> None:
    alarms = Alarms()
    slow = asyncio.create_task(wait(LONG, alarms))
    quick = [asyncio.create_task(wait(seconds, alarms)) for seconds in (0.03, 0.01, 0.02, 0.01, -1)]

    assert await asyncio.gather(*quick) == ["rang"] * 5
    assert not slow.done()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
