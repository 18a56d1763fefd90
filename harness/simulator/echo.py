"""A fault that tells what the client has sent: the key, plain and in every form that a server may make of it."""

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote

from harness.turns import ScriptedFault

_HEADER = "x-sent-"


def echoing(fault: ScriptedFault, authorization: str) -> ScriptedFault:
    """The fault with the request's Authorization header in its message and its headers, if it is one that echoes."""
    if not fault.echo:
        return fault
    forms = _forms(authorization)
    told = ", ".join(f"{name} {form}" for name, form in forms.items())
    headers = {_HEADER + name: form for name, form in forms.items() if form.isascii()}
    return fault.model_copy(
        update={"message": f"{fault.message}; you sent {told}", "headers": {**fault.headers, **headers}}
    )


def _forms(authorization: str) -> Mapping[str, str]:
    """By name; base64 both of the key and of a longer text, in which the key begins at another place."""
    key = authorization.partition(" ")[2]
    raw = key.encode("latin-1", "replace")
    forms = {
        "plain": authorization,
        "url": quote(raw, safe=""),
        "hex": raw.hex(),
        "json": json.dumps(key)[1:-1],
        "base64": base64.b64encode(raw).decode(),
        "base64-for-urls": base64.urlsafe_b64encode(raw).decode(),
    }
    for lead in ("u:", "me:"):
        forms[f"basic-{len(lead)}"] = base64.b64encode(lead.encode() + raw + b"@host").decode()
    return forms
