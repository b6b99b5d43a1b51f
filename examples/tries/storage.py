"""Storage: the hub itself keeps what it is given."""

from examples.try_one import Call

__all__ = ["running", "show"]

running = None


def show(call: Call) -> None:
    read = call("set_value", key="plan", value={"tea": 2})["version"]
    call("get_value", key="plan")
    call("set_value", key="plan", value={"tea": 3}, only_if_version=read)
    call("set_value", key="plan", value={"tea": 4}, only_if_version=read)
    call("add_to_counter", key="visits", for_seconds=3600)
    call("add_to_counter", key="visits")
    call("append_to_list", key="log", item="kettle on", keep_last=10)
    call("get_list", key="log")
    call("get_values", keys=["plan", "visits"])
    call("list_keys", limit=2)
    for order in ("green", "black"):
        call("push_to_queue", queue="orders", item=order)
    assert call("take_from_queue", queue="orders")["item"] == "green"
    assert call("take_from_queue", queue="orders")["item"] == "black"
    call("take_from_queue", queue="orders")
    call("delete_value", key="plan")
