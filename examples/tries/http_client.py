"""Any request to an httpbin."""

from examples.servers.httpbin import running
from examples.try_one import Call

__all__ = ["running", "show"]


def show(call: Call) -> None:
    call("send_request", path="/bearer")
    call("send_request", path="/anything", method="POST", body={"json": {"tea": "green"}}, query={"cups": 2})
    call("send_request", path="/anything", method="PUT", body={"form": {"tea": "green"}})
    leaves = call.file("leaves.txt", b"dry leaves", "text/plain")
    call("send_request", path="/anything", method="POST", body={"files": {"sample": leaves}, "fields": {"cups": "2"}})
    call("send_request", path="/anything", method="POST", body={"file": leaves})
    call("send_request", path="/status/418", is_refusal_an_error=False)
    call("send_request", path="/bytes/2000", save_as="noise.bin")
    call("get_many", paths=["/delay/1", "/status/404", "/uuid"])
