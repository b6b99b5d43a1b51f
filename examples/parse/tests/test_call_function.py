"""Call function."""

import pytest
from jackfield import RateLimited
from jackfield.testing import FakeService, Recorded, run

from parse.operations.call_function import FunctionCall, call_function


def test_a_function_returns_its_result(recorded: Recorded) -> None:
    assert recorded.run(call_function, FunctionCall("greet")) == {"result": "hello"}


def test_too_many_calls_say_when_to_try_again() -> None:
    parse = FakeService()
    parse.post("/functions/greet", status=429, json={"code": 100}, headers={"Retry-After": "10"})

    with pytest.raises(RateLimited, match="again in 10 seconds"):
        run(call_function, FunctionCall("greet"), service=parse, user_data={"application": "app"})
