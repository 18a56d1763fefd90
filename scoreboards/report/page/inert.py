"""Values from outside made fit for a page: plain texts, JSON that ends no element, compressed data. Pure."""

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any

from harness.untrusted import plain


def plain_value(value: Any, longest: int | None = None) -> Any:
    """The same JSON-able value with every text in it plain, and where `longest` is given none with more characters."""
    if isinstance(value, str):
        return _cut(plain(value), longest)
    if isinstance(value, Mapping):
        return {plain(str(name)): plain_value(one, longest) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(one, longest) for one in value]
    return value


def inert_json(value: Any) -> str:
    """JSON for a script element that is no script: "<", ">" and "&" escaped, so that no text in it ends the element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def packed(text: str) -> str:
    """The text's UTF-8 bytes, compressed by gzip, in Base64; the same text always gives the same."""
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), 9, mtime=0)).decode()


def _cut(text: str, longest: int | None) -> str:
    if longest is None or len(text) <= longest:
        return text
    half = longest // 2
    told = f"\n[... {len(text) - 2 * half} characters left out; `splitclock show --full` has them ...]\n"
    return text[:half] + told + text[-half:]
