"""How names are compared: one rule for filters, uniqueness, the guard, and the keys of what is kept."""

from __future__ import annotations

import unicodedata
from typing import Literal


def fold(name: str) -> str:
    """The form in which names are compared: vaults fold case, width and trailing blanks (NFKC, casefold, strip)."""
    return folded(name).strip()


def folded(text: str) -> str:
    """Text as it is compared, blanks included: what `co` and `sw` look into, and what lists are ordered by."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def spellings(name: str) -> tuple[str, ...]:
    """The ways in which a vault may have written a name of this fold, as sent first; one for plain letters.

    Vaults search by bytes or by their database's rules, nobody says which, so no form of Unicode may be relied on.
    """
    text = name.strip()
    if text.isascii():
        return (text,)
    forms: tuple[Literal["NFC", "NFD", "NFKC"], ...] = ("NFC", "NFD", "NFKC")
    return tuple(dict.fromkeys((text, *(unicodedata.normalize(form, text).strip() for form in forms))))


def lookalike(name: str) -> str:
    """The name as a reader sees it: without width, ligatures and characters that show nothing."""
    if name.isascii():
        return name.strip()
    plain = unicodedata.normalize("NFKC", name)
    return "".join(c for c in plain if unicodedata.category(c) != "Cf").strip()
