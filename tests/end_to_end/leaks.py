"""Looking for a key in whatever was written or said, in every encoding that is promised to be taken out."""

import base64
import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus

_SHARED = (0, 2, 3)
_LONGEST_CORE = 24
"""So many digits of base64 are enough to know a key by."""


def forms(key: str) -> Mapping[str, bytes]:
    """What to look for, by name, all in lower case: whoever changes the case of a key's encoding keeps the key."""
    raw = key.encode()
    found = {
        "plain": key,
        "JSON-escaped": json.dumps(key)[1:-1],
        "URL-encoded": quote(key, safe=""),
        "URL-encoded, slashes kept": quote(key),
        "form-encoded": quote_plus(key),
        "hexadecimal": raw.hex(),
    }
    for lead, shared in enumerate(_SHARED):
        whole = (lead + len(raw)) * 8 // 6
        for name, encode in (("base64", base64.b64encode), ("base64 for URLs", base64.urlsafe_b64encode)):
            core = encode(b"\0" * lead + raw)[shared:whole].decode()
            found[f"{name} after {lead} bytes"] = core[:_LONGEST_CORE]
    return {name: form.lower().encode() for name, form in found.items()}


def leaks(where: str, data: bytes | str, key: str) -> Iterator[str]:
    """A line for each form of the key in these bytes, and in what they hold in compressed form."""
    data = data.encode("utf-8", "replace") if isinstance(data, str) else data
    for part, content in _unpacked(data):
        lower = content.lower()
        yield from (f"{where}{part}: {name}" for name, form in forms(key).items() if form in lower)


def leaks_in_folder(folder: Path, key: str) -> list[str]:
    """The same of all files below a folder, databases and their logs as raw bytes, and of the files' names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    assert files
    found: list[str] = []
    for path in files:
        with suppress(FileNotFoundError):  # a run that is at work removes what it needs no more
            found += leaks(str(path.relative_to(folder)), path.read_bytes(), key)
    return found + [line for path in files for line in leaks("a file's name", str(path.relative_to(folder)), key)]


def _unpacked(data: bytes) -> Iterable[tuple[str, bytes]]:
    yield "", data
    if data[:2] == b"\x1f\x8b":
        yield " (gzip)", gzip.decompress(data)
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from ((f" (zip, {name})", archive.read(name)) for name in archive.namelist())
    elif re.match(rb"\x78[\x01\x5e\x9c\xda]", data):
        unpack = zlib.decompressobj()
        yield " (zlib)", unpack.decompress(data)
