"""Images in a docker-registry."""

from examples.servers.registry import KIND, running
from examples.try_one import Call

__all__ = ["running", "show"]


def show(call: Call) -> None:
    call("list_repositories", batch_size=1)
    layer = call.file("layer.bin", b"a layer, as far as the registry knows")
    pushed = call("push_blob", repository="team/shop", file=layer)
    part = {"mediaType": "application/octet-stream", **pushed}
    image = {"schemaVersion": 2, "mediaType": KIND, "config": part, "layers": [part]}
    call("put_manifest", repository="team/shop", tag="v2", manifest=image)
    call("tag_choices", repository="team/shop")
    call("get_manifest", repository="team/shop", reference="v2")
    call("fetch_blob", repository="team/shop", digest=pushed["digest"])
