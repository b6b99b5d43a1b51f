"""vCards: a contact as a text."""

import re

from radicale.shapes import Contact

_ESCAPED = {"\\n": "\n", "\\N": "\n", "\\,": ",", "\\;": ";", "\\\\": "\\"}


def read_card(address: str, etag: str, card: str) -> Contact:
    """Return the contact a vCard describes. What it says beyond name, e-mail and phone is not read."""
    contact: Contact = {"address": address, "etag": etag, "name": "", "emails": [], "phones": []}
    for line in re.sub(r"\r?\n[ \t]", "", card).splitlines():  # long lines go on after a space
        label, _, value = line.partition(":")
        text = re.sub(r"\\[nN,;\\]", lambda found: _ESCAPED[found[0]], value)
        name = label.partition(";")[0].upper().rpartition(".")[2]
        if name == "FN":
            contact["name"] = text
        elif name == "EMAIL":
            contact["emails"].append(text)
        elif name == "TEL":
            contact["phones"].append(text)
    return contact


def write_card(uid: str, name: str, emails: list[str], phones: list[str]) -> str:
    """Return a vCard of version 3, which every server takes."""
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", f"FN:{_escaped(name)}", f"N:{_escaped(name)};;;;"]
    lines += [f"EMAIL:{_escaped(email)}" for email in emails]
    lines += [f"TEL:{_escaped(phone)}" for phone in phones]
    return "\r\n".join([*lines, "END:VCARD", ""])


def _escaped(text: str) -> str:
    return re.sub(r"([\\,;])", r"\\\1", text).replace("\r", "").replace("\n", "\\n")
