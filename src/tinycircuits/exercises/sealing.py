"""How a page holds an answer that nobody reads by accident: a salted hash, and words under bytes made of the answer."""

import base64
import hashlib
from collections.abc import Iterable
from itertools import count
from typing import Any

FILE = "answers.js"
"""The file of the site that tells a page of all exercises; the hashes of each claim stand in a file of its own."""
HEX = 16
"""Letters of a hash that are kept."""


def salt_of(name: str) -> str:
    """The salt of one question; the same in each build."""
    return hashlib.sha256(f"tinycircuits {name}".encode()).hexdigest()[:HEX]


def plain(answer: Any) -> str:
    """An answer as the text that is hashed: names in order, whatever order they were given in."""
    return ",".join(sorted(answer)) if isinstance(answer, Iterable) and not isinstance(answer, str) else str(answer)


def hashed(salt: str, text: str) -> str:
    """The beginning of the hash of an answer."""
    return hashlib.sha256(f"{salt}|{text}".encode()).hexdigest()[:HEX]


def covered(salt: str, text: str, words: str) -> str:
    """Words under bytes that are made of an answer, in base64; covering twice uncovers."""
    data = words.encode()
    stream = b""
    for i in count():
        if len(stream) >= len(data):
            break
        stream += hashlib.sha256(f"{salt}|{text}|{i}".encode()).digest()
    return base64.b64encode(bytes(a ^ b for a, b in zip(data, stream, strict=False))).decode()
