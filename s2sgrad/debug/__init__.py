"""`S2SGRAD_DEBUG`: what is checked besides, in the compiler and while a derivative runs.

A list of words with commas between them.  `1` stands for all but `nan`; nothing, or `0`, for none.
"""

from __future__ import annotations

import os

VARIABLE = "S2SGRAD_DEBUG"
# What each word turns on.
WORDS = {
    "verify": "the verifier of the IR runs after each pass",
    "poison": "memory that the compiler calls dead is filled with NaN",
    "alias": "what is written to shares no memory with what is still read",
    "tapes": "tapes are empty at the end",
    "nan": "a gradient that is NaN raises, and names the line where it began",
}
ALL = frozenset(WORDS) - {"nan"}


def wanted() -> frozenset[str]:
    """The words that are set now: a derivative keeps what was set when it was compiled.

    Raises `ValueError` for a word that is none.
    """
    text = os.environ.get(VARIABLE)
    if not text or text == "0":
        return frozenset()
    found: set[str] = set()
    for word in text.split(","):
        word = word.strip()
        if word == "1":
            found |= ALL
        elif word in WORDS:
            found.add(word)
        else:
            known = ", ".join(["1", *WORDS])
            raise ValueError(f"{VARIABLE}={text!r}: {word!r} is none of {known}")
    return frozenset(found)
