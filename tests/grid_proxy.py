"""A proxy certificate of nothing but what a pilot reads in one: dates, and VOMS attributes."""

import base64

VOMS = bytes([0x2B, 6, 1, 4, 1, 0xBE, 0x45, 0x64, 0x64, 4])  # 1.3.6.1.4.1.8005.100.100.4


def node(tag, *parts):
    """A DER value: tag, length, contents."""
    content = b"".join(parts)
    size = (
        bytes([len(content)])
        if len(content) < 128
        else bytes([0x82, len(content) >> 8, len(content) & 255])
    )
    return bytes([tag]) + size + content


def proxy_with(fqan, end=b"351231235959Z"):
    """The PEM text of a proxy with this VOMS attribute; "" for one without."""
    attribute = node(
        0x30, node(6, VOMS), node(0x31, node(0x30, node(0x30, node(4, fqan.encode()))))
    )
    extensions = (
        node(0xA3, node(0x30, node(0x30, node(6, b"\x2a\x03"), node(4, attribute))))
        if fqan
        else b""
    )
    validity = node(0x30, node(0x17, b"200101000000Z"), node(0x17, end))
    fields = (
        node(0xA0, node(2, b"\x02"))
        + node(2, b"\x01")
        + node(0x30)
        + node(0x30)
        + validity
        + node(0x30)
        + node(0x30)
        + extensions
    )
    return (
        "-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n"
        % base64.encodebytes(node(0x30, node(0x30, fields))).decode()
    )
