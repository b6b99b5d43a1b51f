"""List repositories, get manifest, put manifest."""

from typing import Any

import pytest
from jackfield import InvalidInput, ServiceError
from jackfield.testing import FakeService, Recorded, run

from docker_registry.operations.get_manifest import ImageRef, TagsOf, get_manifest, tag_choices
from docker_registry.operations.list_repositories import RepositoryQuery, list_repositories, repository_choices
from docker_registry.operations.put_manifest import NewManifest, put_manifest

KIND = "application/vnd.oci.image.manifest.v1+json"
EMPTY = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_repositories_come_through_pages_whose_addresses_are_relative() -> None:
    registry = FakeService()
    registry.get(
        "/_catalog?n=2", json={"repositories": ["a", "b"]}, headers={"Link": '</_catalog?last=b&n=2>; rel="next"'}
    )
    registry.get("/_catalog?last=b&n=2", json={"repositories": ["c"]})

    assert run(list_repositories, RepositoryQuery(batch_size=2), service=registry) == {"repositories": ["a", "b", "c"]}


def test_an_image_is_found_by_repository_and_tag(recorded: Recorded) -> None:
    assert [choice["value"] for choice in recorded.run(repository_choices)["result"]] == ["blog", "team/shop"]
    assert recorded.run(tag_choices, TagsOf("blog"))["result"] == [{"text": "v1", "value": "v1"}]

    image = recorded.run(get_manifest, ImageRef("blog", "v1"))
    same = recorded.run(get_manifest, ImageRef("blog", image["digest"]))

    assert image["media_type"] == image["manifest"]["mediaType"] == KIND
    assert same == image


def test_an_image_whose_layers_are_missing_names_them(recorded: Recorded) -> None:
    layer: dict[str, Any] = {"mediaType": "application/octet-stream", "digest": f"sha256:{'0' * 64}", "size": 1}
    manifest = {"schemaVersion": 2, "mediaType": KIND, "config": layer, "layers": [layer]}

    with pytest.raises(ServiceError, match=r"does not have sha256:0000\w* yet\. Push these first"):
        recorded.run(put_manifest, NewManifest("blog", "v2", manifest))


def test_a_manifest_without_a_kind_is_refused_before_the_registry_is_asked() -> None:
    with pytest.raises(InvalidInput, match="Add mediaType"):
        run(put_manifest, NewManifest("blog", "v2", {}), service=FakeService())


def test_a_registry_that_stores_something_else_is_not_believed() -> None:
    registry = FakeService()
    registry.put("/blog/manifests/v2", status=201, headers={"Docker-Content-Digest": EMPTY})

    with pytest.raises(ServiceError, match="Do not use it"):
        run(put_manifest, NewManifest("blog", "v2", {"mediaType": KIND}), service=registry)
