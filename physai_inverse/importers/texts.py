"""Bytes of a foreign file: what they begin with, and their text, out of gzip where they are in it."""

import gzip
import io
import zlib
from pathlib import Path

from physai_inverse.errors import InvalidInput, NotFound

MAX_BYTES = 2**29
"""Of a text; what is larger belongs into a database."""
GZIP = b"\x1f\x8b"
MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"SQLite format 3\0", "sqlite"),
    (b"PAR1", "parquet"),
    (GZIP, "gzip"),
    (b":W&B", "wandb"),
    (b"PK\x03\x04", "zip archive or spreadsheet"),
    (b"\x89HDF", "HDF5 file"),
    (b"\x93NUMPY", "NumPy file"),
    (b"BZh", "bzip2 file"),
    (b"\xfd7zXZ", "xz file"),
    (b"%PDF", "PDF"),
    (b"ARROW1", "Arrow file"),
)


def first_bytes(path: Path, count: int = 512) -> bytes:
    """Read how a file begins.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(count)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file `{path}`.") from error
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise InvalidInput(f"`{path}` cannot be read: {said}.") from error


def magic_of(head: bytes) -> str:
    """Name the binary format that a file begins like; empty where it is none of the known ones."""
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return "pickle"
    if b"brain.Event:" in head[:64]:
        return "tensorboard"
    return next((name for magic, name in MAGIC if head.startswith(magic)), "")


def read_text(path: Path) -> str:
    """Read a text file in UTF-8 (or UTF-16 with its mark), out of gzip where it is in it.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is too large, cut, or no text.
    """
    if first_bytes(path, 2) == GZIP:
        content = _unzipped(path)
    else:
        first_bytes(path, 1)
        try:
            with path.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        except OSError as error:
            raise InvalidInput(f"`{path}` cannot be read: {error.strerror}.") from error
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"`{path}` holds more than {MAX_BYTES // 2**20} MiB of text; split it.")
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidInput(
            f"{path}:{line}: expected text in UTF-8, got the byte 0x{content[error.start]:02x}; save it as UTF-8."
        ) from error
    if "\0" in text:
        raise InvalidInput(
            f"`{path}` is no text: it holds zero bytes. Expected CSV, JSON or JSON lines; other formats are "
            "recognised by how they begin, and this one is not known."
        )
    if not text.strip():
        raise InvalidInput(f"`{path}` is empty; expected a header and at least one training.")
    return text


def _unzipped(path: Path) -> bytes:
    try:
        with gzip.open(path, "rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except EOFError as error:
        raise InvalidInput(
            f"`{path}` is cut: its gzip stream ends early. Copy it again, or unpack what there is: zcat {path}."
        ) from error
    except (OSError, zlib.error) as error:
        raise InvalidInput(f"`{path}` begins like gzip and cannot be unpacked: {error}.") from error


def lines_of(text: str) -> io.StringIO:
    """Give a text as a stream of lines whose ends are kept, as `csv` wants them."""
    return io.StringIO(text, newline="")
