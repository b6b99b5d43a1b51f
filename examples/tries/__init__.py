"""What `make try EXAMPLE=name` shows of each example, against the real server.

A module is called like its example, with underscores. `running` starts the server (`None`: the example needs none);
`show(call)` calls operations on a hub, one after the other. `call` returns an output, and raises when there is none.
"""
