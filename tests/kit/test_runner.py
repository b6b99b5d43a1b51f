"""One call of one operation: every way it can end is an outcome."""

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from jackfield import Choice, Connector, Field, Http, InvalidInput
from jackfield.exchange import Request, Response
from jackfield.manifest import Metadata, ServiceRef
from jackfield.runner import Call, Wants, run


@dataclass
class Ref:
    number: Annotated[int, Field(title="Number")]


class Doubled(TypedDict):
    number: int


class Answers:
    """A third party that answers everything with one response."""

    def __init__(self, status: int = 200, body: bytes = b"{}") -> None:
        self.response = Response(status, (("Content-Type", "application/json"),), body)

    def send(self, request: Request) -> Response:
        return self.response


shop = Connector("https://shop.example")


@shop.operation
def double(ref: Ref) -> Doubled:
    return {"number": ref.number * 2}


@shop.operation
def fetch(ref: Ref, http: Http) -> dict[str, Any]:
    return http.get(f"/numbers/{ref.number}").json()


@shop.operation
def refuse(ref: Ref) -> None:
    raise InvalidInput("Ask for another number.")


@shop.operation
def crash(ref: Ref) -> None:
    raise RuntimeError("the password is hunter2")


@shop.operation
def leave(ref: Ref) -> None:
    raise SystemExit(3)


@shop.operation
def lie(ref: Ref) -> Doubled:
    return {}  # pyright: ignore[reportReturnType] - that is the lie


@shop.operation
def give_a_set() -> dict[str, Any]:
    return {"set": {1}}


@shop.operation
def give_a_list() -> dict[str, Any]:
    return []  # pyright: ignore[reportReturnType] - a mistake authors make


@shop.choices
def list_numbers() -> list[Choice]:
    return [{"text": "One", "value": 1}]


@shop.operation
def read_table(ref: Ref) -> dict[str, Any]:
    return {"rows": []}


@shop.output_schema_of(read_table)
def read_table_schema(ref: Ref) -> dict[str, Any]:
    return {"type": "object", "properties": {f"column_{ref.number}": {"type": "string"}}}


def call(operation: str, *, service: Answers | None = None, wants: Wants = Wants.OUTPUT, **given: Any) -> Any:
    return run(shop, Call(operation, given, "https://shop.example", wants=wants), service or Answers())


def test_a_success_is_an_outcome_with_the_output():
    assert call("double", number=21).to_json() == {"outcome": "success", "output": {"number": 42}}


def test_input_that_does_not_fit_is_told_in_the_documented_words():
    outcome = call("double", number="x")

    assert not outcome.is_success
    assert "#/number: expected type: Integer, found: String" in outcome.output["message"]
    assert outcome.output["fault"] == "your_input"


def test_a_third_party_that_says_no_is_an_error_with_its_status_and_body():
    outcome = call("fetch", number=1, service=Answers(404, b'{"error": "gone"}'))

    assert outcome.output["response"] == {"statusCode": 404, "body": {"error": "gone"}}
    assert outcome.output["expects"] == {"statusCode": [200, 201, 202, 204]}
    assert outcome.output["kind"] == "NotFound"
    assert outcome.output["fault"] == "third_party"


def test_an_error_that_the_connector_raises_is_shown_as_it_is():
    assert call("refuse", number=1).output == {
        "message": "Ask for another number.",
        "code": "#user_input_error",
        "kind": "InvalidInput",
        "fault": "your_input",
    }


def test_an_exception_is_for_the_author_only():
    outcome = call("crash", number=1)

    assert outcome.output["code"] == "#connector_error"
    assert "hunter2" not in outcome.body.decode()
    assert "hunter2" in outcome.log


def test_a_connector_that_exits_does_not_end_the_runner():
    assert call("leave", number=1).output["code"] == "#connector_error"


def test_an_output_that_breaks_its_promise_is_delivered_and_told():
    outcome = call("lie", number=1)

    assert outcome.is_success
    assert outcome.broken_promises == ("#: required key [number] not found",)


def test_an_output_that_is_no_json_is_the_connectors_fault():
    assert call("give_a_set").output["kind"] == "ConnectorError"
    assert call("give_a_list").output["kind"] == "ConnectorError"


def test_choices_come_under_result():
    assert call("list_numbers").output == {"result": [{"text": "One", "value": 1}]}


def test_an_operation_may_say_its_output_schema_at_run_time():
    schema = call("read_table", number=7, wants=Wants.OUTPUT_SCHEMA).output["output_schema"]

    assert schema["properties"] == {"column_7": {"type": "string"}}


def test_the_other_operations_answer_their_own_output_schema():
    assert call("double", number=7, wants=Wants.OUTPUT_SCHEMA).output["output_schema"]["type"] == "object"


def test_an_unknown_operation_is_answered_with_those_there_are():
    message = call("halve").output["message"]

    assert "The connector operation halve was not found" in message
    assert "double" in message


@dataclass
class Region:
    region: Annotated[str, Field(title="Region")]


class Keeps(Answers):
    """A third party that remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Request] = []

    def send(self, request: Request) -> Response:
        self.asked.append(request)
        return self.response


def test_the_connectors_headers_go_with_every_request_that_does_not_say_otherwise():
    atlas = Connector("https://atlas.example", headers={"Atlas-Region": "{region}", "X-Api": "2"}, user_data=Region)

    @atlas.operation
    def look(http: Http) -> None:
        http.get("/a")
        http.get("/b", headers={"atlas-region": "moon", "X-API": None})

    service = Keeps()
    run(atlas, Call("look", {}, "https://atlas.example", {"region": "north"}), service)
    without = run(atlas, Call("look", {}, "https://atlas.example"), service)

    first, second = ({name.lower(): value for name, value in seen.headers} for seen in service.asked)
    assert (first["atlas-region"], first["x-api"]) == ("north", "2")
    assert (second["atlas-region"], "x-api" in second) == ("moon", False)
    assert without.output["kind"] == "InvalidInput"
    manifest = atlas.manifest(Metadata("atlas", "1.0", "Atlas", "", ServiceRef("atlas", 1)))
    assert manifest.user_data_schema["required"] == ["region"]
