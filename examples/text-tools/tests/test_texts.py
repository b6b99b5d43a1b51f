"""Hash text, fill template."""

from typing import Any

import pytest
from jackfield import InvalidInput, Secret
from jackfield.testing import FakeService, run

from text_tools.operations.fill_template import Template, fill_template
from text_tools.operations.hash_text import TextToHash, hash_text

NOBODY = FakeService()


def test_a_digest_is_the_one_everybody_computes():
    assert run(hash_text, TextToHash("abc", "md5"), service=NOBODY) == {"digest": "900150983cd24fb0d6963f7d28e17f72"}


def test_with_a_key_it_is_a_signature():
    text = TextToHash("what do ya want for nothing?", key=Secret("Jefe"), written_as="base64")

    assert run(hash_text, text, service=NOBODY) == {"digest": "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="}


def test_gaps_are_filled_and_values_are_not_carried_out():
    values = {"customer": {"name": "Ada"}, "sum": 12.5, "trick": "{{sum}}"}
    template = "Dear {{ customer.name }}, that is {{sum}}. {{trick}}"

    assert run(fill_template, Template(template, values), service=NOBODY) == {"text": "Dear Ada, that is 12.5. {{sum}}"}


@pytest.mark.parametrize(("choice", "text"), [("leave_empty", "Dear "), ("keep", "Dear {{name}}")])
def test_a_missing_value_is_no_mistake_when_that_is_allowed(choice: Any, text: str):
    assert run(fill_template, Template("Dear {{name}}", {}, choice), service=NOBODY) == {"text": text}


def test_a_missing_value_is_a_mistake_otherwise():
    with pytest.raises(InvalidInput, match="asks for 'name'"):
        run(fill_template, Template("Dear {{name}}", {}), service=NOBODY)
