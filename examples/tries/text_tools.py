"""Text tools: there is no server, they only compute."""

from examples.try_one import Call

__all__ = ["running", "show"]

running = None


def show(call: Call) -> None:
    xml = call("json_to_xml", data={"@id": "7", "line": ["tea", "sugar"]}, root="order")["xml"]
    call("xml_to_json", xml=xml)
    rows = call("csv_to_rows", csv="name,city\nAda,Accra\nBruno,Basel\n")["rows"]
    call("rows_to_csv", rows=rows, delimiter=";")
    call("hash_text", text="abc", key="not so secret")
    call("fill_template", template="Dear {{name}}", values={"name": "Ada"})
    call("move_date", moment="2026-01-31T09:00:00Z", by={"amount": 1, "unit": "months"}, zone="Europe/Zurich")
    call("split_money", amount="100.00", shares=[1, 1, 1])
