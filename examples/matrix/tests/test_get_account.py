"""Get account."""

import pytest
from jackfield import NotSignedIn
from jackfield.testing import FakeService, Recorded, run

from matrix.operations.get_account import get_account


def test_the_account_has_an_id_with_its_server_in_it(recorded: Recorded) -> None:
    assert recorded.run(get_account)["user_id"].startswith("@")


def test_an_access_token_that_is_over_is_said() -> None:
    synapse = FakeService()
    synapse.get("/account/whoami", status=401, json={"errcode": "M_UNKNOWN_TOKEN", "soft_logout": True})

    with pytest.raises(NotSignedIn):
        run(get_account, service=synapse)
