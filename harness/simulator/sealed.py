"""The `encrypted_content` of a reasoning item: what a client must bring back as it was, and cannot make itself.

The key is no secret. It is the same in every simulator, so that a conversation goes on after a restart.
"""

import base64
import binascii
import hashlib
import hmac
import json
import zlib

_KEY = hashlib.sha256(b"splitclock simulator").digest()
_TAG_BYTES = 16


def seal(item_id: str, text: str) -> str:
    """Id and text of a reasoning item as one opaque word."""
    packed = zlib.compress(json.dumps([item_id, text]).encode())
    return base64.urlsafe_b64encode(_tag(packed) + packed).decode()


def unseal(sealed: str) -> tuple[str, str]:
    """Id and text of the item this was made for. Raises ValueError for what no simulator has made."""
    try:
        raw = base64.b64decode(sealed.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    tag, packed = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
    if not hmac.compare_digest(tag, _tag(packed)):
        raise ValueError("the encrypted content could not be verified")
    item_id, text = json.loads(zlib.decompress(packed))
    return item_id, text


def _tag(packed: bytes) -> bytes:
    return hmac.digest(_KEY, packed, "sha256")[:_TAG_BYTES]
