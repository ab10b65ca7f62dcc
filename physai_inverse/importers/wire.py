"""Protocol-buffer messages without their classes: numbered fields, as the wire format has them.

Source: https://protobuf.dev/programming-guides/encoding. Numbers of fields never change, so a reader that knows a
few of them needs no package that follows every release of the writer.
"""

from collections.abc import Iterator

from physai_inverse.errors import InvalidInput

Field = tuple[int, int | bytes]
"""Number and content: an integer, or bytes (a text, a message, a fixed number)."""


def fields(message: bytes) -> Iterator[Field]:
    """Give the fields of a message in their order.

    Raises:
        InvalidInput: it is cut or no message.
    """
    place = 0
    while place < len(message):
        key, place = _integer(message, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = _integer(message, place)
            yield number, value
            continue
        if kind == 2:
            length, place = _integer(message, place)
        else:
            length = {1: 8, 5: 4}.get(kind, -1)
        if length < 0 or place + length > len(message):
            raise InvalidInput("a message is cut or damaged.")
        yield number, message[place : place + length]
        place += length


def texts(message: bytes, number: int) -> list[str]:
    """Give the texts of a repeated field."""
    return [
        content.decode("utf-8", "replace")
        for found, content in fields(message)
        if found == number and isinstance(content, bytes)
    ]


def inner(message: bytes, number: int) -> list[bytes]:
    """Give the messages of a repeated field."""
    return [content for found, content in fields(message) if found == number and isinstance(content, bytes)]


def integer(message: bytes, number: int) -> int:
    """Give the last value of a whole number, 0 where it is not there; signed."""
    value = 0
    for found, content in fields(message):
        if found == number and isinstance(content, int):
            value = content
    return value - 2**64 if value >= 2**63 else value


def _integer(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(message) or shift > 63:
            raise InvalidInput("a message is cut or damaged.")
        byte = message[place]
        value |= (byte & 127) << shift
        place += 1
        shift += 7
        if byte < 128:
            return value, place
