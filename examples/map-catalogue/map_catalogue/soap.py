"""SOAP 1.2: an envelope around each question and answer, and refusals that arrive with status 200."""

from xml.etree.ElementTree import Element, SubElement

from jackfield import Http, ServiceError

SOAP = "{http://www.w3.org/2003/05/soap-envelope}"


def ask(http: Http, question: Element) -> Element:
    """Return what the envelope of the answer holds. Raises ServiceError with the service's own words."""
    envelope = Element(f"{SOAP}Envelope")
    SubElement(envelope, f"{SOAP}Body").append(question)
    answer = http.post("", xml=envelope, content_type="application/soap+xml; charset=utf-8", idempotent=True)
    inner = answer.xml().find(f"{SOAP}Body/*")
    if inner is None:
        raise ServiceError("The catalogue answered with an empty envelope. Try again later.", answer.response)
    if inner.tag == f"{SOAP}Fault":
        raise ServiceError(f"The catalogue refused: {_reason(inner)} Change the search and try again.", answer.response)
    return inner


def _reason(fault: Element) -> str:
    """Return the most telling text of a fault: the last one says it in detail."""
    texts = [text.strip() for text in fault.itertext() if text.strip()]
    return " ".join(texts[-1].split())[:500].rstrip(".") + "." if texts else "it does not say why."
