"""The words of the catalogue's own language, CSW 2."""

from xml.etree.ElementTree import Element, register_namespace

from map_catalogue.shapes import Map

CSW, OGC = "{http://www.opengis.net/cat/csw/2.0.2}", "{http://www.opengis.net/ogc}"
DC, DCT = "{http://purl.org/dc/elements/1.1/}", "{http://purl.org/dc/terms/}"

# `csw:Record` is written in values too, where nobody translates a prefix for us.
register_namespace("csw", CSW.strip("{}"))


def question(name: str, **attributes: str) -> Element:
    return Element(f"{CSW}{name}", {"service": "CSW", "version": "2.0.2", **attributes})


def read_map(record: Element) -> Map:
    return {
        "map_id": record.findtext(f"{DC}identifier", ""),
        "title": record.findtext(f"{DC}title", ""),
        "kind": record.findtext(f"{DC}type", ""),
        "summary": record.findtext(f"{DCT}abstract", ""),
    }
