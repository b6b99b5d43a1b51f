"""Run query."""

import pytest
from jackfield import InvalidInput, NotFound, ServiceError
from jackfield.testing import FakeService, Recorded, run

from graphql_api.operations.run_query import Query, run_query

APP = {"application": "app"}


def test_a_question_is_answered(recorded: Recorded) -> None:
    assert recorded.run(run_query, Query("{ customers { count } }")) == {
        "data": {"customers": {"count": 5}},
        "errors": [],
    }


def test_a_field_the_api_does_not_know_is_the_callers_mistake(recorded: Recorded) -> None:
    with pytest.raises(InvalidInput, match='does not understand the query: Cannot query field "nope"'):
        recorded.run(run_query, Query("{ nope }"))


def test_an_error_inside_an_answer_with_status_200_is_an_error(recorded: Recorded) -> None:
    with pytest.raises(NotFound, match=r"refused: Object not found \(at customer\)\. Check the ids"):
        recorded.run(run_query, Query("query ($id: ID!) { customer(id: $id) { name } }", {"id": "nosuch"}))


def test_what_there_is_can_be_taken() -> None:
    api = FakeService()
    api.post("", json={"data": {"a": 1, "b": None}, "errors": [{"message": "Too late.", "path": ["b", 0]}]})

    answer = run(run_query, Query("{ a b }", is_partial_allowed=True), service=api, user_data=APP)

    assert answer == {"data": {"a": 1, "b": None}, "errors": ["Too late (at b.0)."]}


def test_an_error_without_data_stays_one_even_then() -> None:
    api = FakeService()
    api.post("", json={"data": None, "errors": [{"message": "Too complex."}]})

    with pytest.raises(ServiceError, match="Too complex"):
        run(run_query, Query("{ a }", is_partial_allowed=True), service=api, user_data=APP)
