"""Finds a secret in bytes, in whatever form it was written down."""

import base64
import hashlib
import html
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

SHORTEST = 8  # a shorter one stands in ordinary text by chance


def forms_of(value: str) -> dict[str, bytes]:
    """Every form of it that is looked for, by name. They are compared without regard to capitals."""
    found: dict[str, bytes] = {}
    for case, text in {"": value, ", in lower case": value.lower()}.items():
        for name, written in (_written(text) | _hashed(text)).items():
            if len(written) >= SHORTEST and written.lower() not in found.values():
                found[f"{name}{case}"] = written.lower()
    return found


def _hashed(text: str) -> dict[str, bytes]:
    """Without salt or key a hash of what somebody made up is as good as the word itself."""
    found = {}
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, text.encode())
        found[f"{name} in hex"] = digest.hexdigest().encode()
        found[f"{name} in base64"] = base64.b64encode(digest.digest()).rstrip(b"=")[:-1]
    return found


def _written(text: str) -> dict[str, bytes]:
    raw = text.encode()
    return {
        "as it is": raw,
        "backwards": text[::-1].encode(),
        "UTF-16": text.encode("utf-16-le"),
        "UTF-16, the other way": text.encode("utf-16-be"),
        "UTF-16 backwards": text[::-1].encode("utf-16-le"),
        "hex": raw.hex().encode(),
        "URL": quote(text, safe="").encode(),
        "URL of a form": quote_plus(text).encode(),
        "URL, every byte": "".join(f"%{byte:02X}" for byte in raw).encode(),
        "JSON": json.dumps(text)[1:-1].encode(),
        "JSON, every character": "".join(f"\\u{ord(one):04x}" for one in text).encode(),
        "HTML": html.escape(text).encode(),
        "rot13": text.translate(_ROT13).encode(),
        **{f"base64 at {shift}": _inside(raw, shift, base64.b64encode) for shift in range(3)},
        **{
            f"base64url at {shift}": _inside(raw, shift, base64.urlsafe_b64encode)
            for shift in range(3)
        },
        "base32": base64.b32encode(raw).rstrip(b"=")[:-1],
    }


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ROT13 = str.maketrans(
    _LETTERS + _LETTERS.upper(),
    _LETTERS[13:] + _LETTERS[:13] + _LETTERS[13:].upper() + _LETTERS[:13].upper(),
)


def _inside(raw: bytes, shift: int, encode) -> bytes:
    """What is the same wherever it stands in a longer text: its first and last characters hang on the neighbours."""
    encoded = encode(b"\0" * shift + raw).rstrip(b"=")
    first = -(-shift * 8 // 6)
    last = len(encoded) - (1 if (shift + len(raw)) % 3 else 0)
    return encoded[first:last]


class Searcher:
    """`found(data)` names the secrets in it."""

    def __init__(self, secrets: dict[str, Iterable[str]]) -> None:
        """By the name of a canary, the parts of it that are looked for."""
        self._forms: dict[bytes, list[tuple[str, str, bytes]]] = {}
        for name, parts in secrets.items():
            for part in dict.fromkeys(parts):
                for form, written in forms_of(part).items():
                    known = self._forms.setdefault(written[:SHORTEST], [])
                    known.append((name, form, written))
        self._beginnings = frozenset(self._forms)

    def found(self, data: bytes) -> dict[str, str]:
        """{canary: the form it was found in}. Its beginnings are looked up among all that begins anywhere in the data."""
        data = data.lower()
        windows = {data[at : at + SHORTEST] for at in range(len(data) - SHORTEST + 1)}
        found: dict[str, str] = {}
        for beginning in windows & self._beginnings:
            for name, form, written in self._forms[beginning]:
                if name not in found and written in data:
                    found[name] = form
        return found
