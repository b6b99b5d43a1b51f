"""JSON to XML, XML to JSON."""

import pytest
from jackfield import InvalidInput
from jackfield.testing import FakeService, run

from text_tools.operations.json_to_xml import JsonData, json_to_xml
from text_tools.operations.xml_to_json import XmlText, xml_to_json

NOBODY = FakeService()
BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>'


def test_an_object_becomes_xml_and_comes_back():
    order = {"@id": "7", "buyer": "Ada & Co", "line": ["tea", "sugar"]}

    xml = run(json_to_xml, JsonData(order, root="order"), service=NOBODY)["xml"]

    assert "<buyer>Ada &amp; Co</buyer>" in xml
    assert run(xml_to_json, XmlText(xml), service=NOBODY) == {"data": {"order": order}}


def test_one_element_is_a_list_when_that_is_asked_for():
    read = run(xml_to_json, XmlText("<order><line>tea</line></order>", lists=["line"]), service=NOBODY)

    assert read["data"] == {"order": {"line": ["tea"]}}


@pytest.mark.parametrize(("xml", "said"), [("<a><b></a>", "not well-formed"), (BOMB, "entities"), ("hello", "well")])
def test_what_is_no_xml_is_refused(xml: str, said: str):
    with pytest.raises(InvalidInput, match=said):
        run(xml_to_json, XmlText(xml), service=NOBODY)


def test_a_key_that_cannot_be_an_element_is_refused():
    with pytest.raises(InvalidInput, match="Element names"):
        run(json_to_xml, JsonData({"<b>": 1}), service=NOBODY)
