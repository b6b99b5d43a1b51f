"""Makes URLs and DNS answers as an attacker would write them, and lists a few good ones."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

PRIVATE_ADDRESSES = (
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.0.1",
    "192.168.255.255",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
)

GOOD_URLS = (
    "https://api.example.com",
    "https://API.Example.com/v1/products?q=a%20b&page=2",
    "http://crm.example.com:8080/",
    "https://xn--bcher-kva.example/",
    "https://93.184.216.34/x",
    "https://[2606:2800:220:1:248:1893:25c8:1946]:8443/x?y=z",
    "https://my_bucket.storage.example.com/a/b~c/@d:e,f;g=h",
)

_FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９．")
_CIRCLED = str.maketrans("123456789", "①②③④⑤⑥⑦⑧⑨")
_MATHEMATICAL = str.maketrans("0123456789", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗")


def spellings_of(address: str) -> Iterator[str]:
    """Yield hosts that some URL reader somewhere takes for this IPv4 address."""
    a, b, c, d = IPv4Address(address).packed
    number = int(IPv4Address(address))
    yield from (
        address,
        f"{address}.",
        f"{number}",
        f"{number:#x}",
        f"{number:#o}",
        f"0{number:o}",
        f"{number + (1 << 32)}",
    )
    yield from (f"{a}.{(b << 16) + (c << 8) + d}", f"{a}.{b}.{(c << 8) + d}", f"{a:#x}.{b:#x}.{c:#x}.{d:#x}")
    yield from (f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"{a:03d}.{b:03d}.{c:03d}.{d:03d}", f"{a:#x}.{b}.0{c:o}.{d}")
    yield from (
        f"000{a}.{b}.{c}.{d}",
        f"{a + 256}.{b}.{c}.{d}",
        f"{a}.{b}.{c}.{d}.0",
        f"{a}..{b}.{c}.{d}",
        f"+{address}",
    )
    yield from (
        f"0X{number:08X}",
        f"{a:#x}.{(b << 16) + (c << 8) + d:#x}",
        f"{address}%00",
        f"{address}%2f",
        f"{address}%23",
    )
    yield from (address.translate(_FULL_WIDTH), address.translate(_CIRCLED), address.translate(_MATHEMATICAL))
    yield from (address.replace(".", "。"), address.replace(".", "%2e"), f"%{ord(address[0]):x}{address[1:]}")
    yield from (f"[::ffff:{address}]", f"[::ffff:{number >> 16:x}:{number & 0xFFFF:x}]", f"[::{address}]")
    yield from (f"[64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}]", f"[64:ff9b::{address}]")
    yield from (f"[64:ff9b:1::{number >> 16:x}:{number & 0xFFFF:x}]", f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]")
    yield from (
        f"[2001:0:{number >> 16:x}:{number & 0xFFFF:x}::1]",
        f"[2001::{~number >> 16 & 0xFFFF:x}:{~number & 0xFFFF:x}]",
    )
    yield from (f"[fe80::5efe:{address}]", f"[2606:4700::5efe:{number >> 16:x}:{number & 0xFFFF:x}]", f"[{address}]")
    yield from (f"[::ffff:0:{number >> 16:x}:{number & 0xFFFF:x}]", f"[0:0:0:0:0:ffff:{address}]", f"[v1.{address}]")


def private_ipv6_hosts() -> Iterator[str]:
    """Yield IPv6 hosts that lead home, to a neighbour, or to a tunnel, in usual and unusual spellings."""
    yield from (
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[0000:0000::0001]",
        "[::0001]",
        "[::1%25lo]",
        "[::1%lo]",
        "[::1]:",
        "::1",
    )
    yield from ("[fe80::1]", "[fe80::1%25eth0]", "[febf::1]", "[fec0::1]", "[fc00::1]", "[fd00::1]", "[fd00:ec2::254]")
    yield from ("[fd20:ce::254]", "[ff02::1]", "[ff0e::1]", "[2001:db8::1]", "[3fff::1]", "[100::1]", "[2001:10::1]")
    yield from (
        "[5f00::1]",
        "[4000::1]",
        "[::2]",
        "[1::]",
        "[ABCD::1]",
        "[::1",
        "::1]",
        "[[::1]]",
        "[::1]x",
        "[]",
        "[:]",
        "[:::1]",
    )


def hostile_urls(port: int) -> Iterator[str]:
    """Yield the URLs. Those that reach a listener at all reach `port`, where a canary sits."""
    for address in PRIVATE_ADDRESSES:
        for host in spellings_of(address):
            yield f"http://{host}:{port}/"
        yield f"https://{address}:{port}/"
    for host in private_ipv6_hosts():
        yield f"http://{host}:{port}/"
        yield f"https://{host}/"
    yield from _odd_syntax(port)


def _odd_syntax(port: int) -> Iterator[str]:
    home, good = f"127.0.0.1:{port}", "api.example.com"
    for scheme in (
        "file",
        "ftp",
        "gopher",
        "dict",
        "ldap",
        "ws",
        "javascript",
        "data",
        "unix",
        "jar:http",
        "http+unix",
        "httpx",
        "",
    ):
        yield f"{scheme}://{home}/"
    yield from (
        f"http:{home}/",
        f"http:/{home}/",
        f"http:///{home}/",
        f"http:////{home}/",
        f"//{home}/",
        f"{home}/",
        f"/{home}",
    )
    yield from (
        f"http:\\\\{home}\\",
        f"http:/\\{home}/",
        f"http://\\{home}/",
        f" http://{home}/",
        f"http://{home}/ ",
        "",
        "http://",
        "http:",
    )
    for sign in ("@", "%40", "%23@", "#@", "?@", "\\@", ":pass@", "@@", "%00@", "\t@", "\n@", "\r\n@", "，@", "＠"):
        yield f"http://{good}{sign}{home}/"
        yield f"http://{home}{sign}{good}/"
    for sign in (
        "\\",
        "%5c",
        "%2f",
        "%3f",
        "%23",
        "#",
        " ",
        "\t",
        "\n",
        "\r",
        "\r\n",
        "\0",
        "\x7f",
        "\xad",
        "\u200b",
        "\u2060",
        "\ufeff",
        ",",
        ";",
        "|",
        "^",
    ):
        yield f"http://{home}{sign}.{good}/"
        yield f"http://{good}{sign}{home}/"
        yield f"http://127.0.0.1{sign}:{port}/"
    for control in range(0x20):
        yield f"http://{home}/a{chr(control)}b"
        yield f"ht{chr(control)}tp://{home}/"
    for text in (
        "localhost",
        "LOCALHOST",
        "localhost.",
        "localhost.localdomain",
        "loc%61lhost",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "ｌｏｃａｌｈｏｓｔ",
        "local\u200bhost",
    ):
        yield f"http://{text}:{port}/"
    for text in (
        "127.0.0.1.nip.io",
        "metadata.google.internal",
        "-a.example.com",
        "a-.example.com",
        "a..b",
        ".a",
        "a" * 64 + ".com",
        "a." * 130 + "com",
    ):
        yield f"http://{text}:{port}/"
    for text in (
        f":{port}:{port}",
        ":0",
        ":00080",
        ":65536",
        ":99999999",
        ":-1",
        ":+80",
        ":8o",
        ": 80",
        ":80 ",
        ":",
        "::",
        ":０８０",
        ":1e3",
        ":0x50",
    ):
        yield f"http://127.0.0.1{text}/"
    for text in ("{{", "<x>", '"', "`", "^", "|x|", "é", "%", "%2", "%zz", "\\..\\", "\ud800", "#frag", "/#"):
        yield f"http://{home}/{text}"


def hostile_dns_answers() -> Iterator[list[str]]:
    """Yield answers of a name server of which at least one address is not for us, or which are no answers."""
    public = "93.184.216.34"
    every = [str(address) for text in PRIVATE_ADDRESSES for address in _as_answers(text)]
    every += [
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "fd20:ce::254",
    ]
    for address in every:
        yield [address]
        yield [public, address]
        yield ["2606:4700::1111", public, address]
    yield from (
        [],
        [""],
        ["localhost"],
        ["127.1"],
        ["0x7f000001"],
        ["not an address"],
        ["93.184.216.34.evil"],
        [public] * 499 + ["127.0.0.1"],
    )


def _as_answers(text: str) -> Iterator[IPv4Address | IPv6Address]:
    number = int(IPv4Address(text))
    high, low = number >> 16, number & 0xFFFF
    forms = (
        text,
        f"::ffff:{text}",
        f"::{text}",
        f"64:ff9b::{high:x}:{low:x}",
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:{high:x}:{low:x}::",
    )
    yield from (ip_address(form) for form in forms)
