"""Contains-search over very many short texts, by looking through large joined blocks first."""

_BLOCK = 1024
_END = "\0"


class Haystack:
    """id → text.  Ids arrive in ascending order; a block of them is joined once and searched with one `in`."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._texts: list[str] = []
        self._places: dict[int, int] = {}
        self._blocks: dict[int, str] = {}

    def add(self, key: int, text: str) -> None:
        place = len(self._ids)
        self._places[key] = place
        self._ids.append(key)
        self._texts.append(text.casefold())
        self._blocks.pop(place // _BLOCK, None)

    def replace(self, key: int, text: str) -> None:
        place = self._places[key]
        self._texts[place] = text.casefold()
        self._blocks.pop(place // _BLOCK, None)

    def find(self, text: str, parts: tuple[int, ...] = ()) -> list[int]:
        """Ids whose text contains `text`; with `parts`, only those lines of the text count."""
        wanted = text.casefold()
        if "\n" in wanted or _END in wanted:
            return []
        found: list[int] = []
        for number in range((len(self._ids) + _BLOCK - 1) // _BLOCK):
            start = number * _BLOCK
            block = self._blocks.get(number)
            if block is None:
                block = self._blocks[number] = _END.join(self._texts[start : start + _BLOCK])
            if wanted in block:
                texts = self._texts[start : start + _BLOCK]
                found += [self._ids[start + i] for i, each in enumerate(texts) if wanted in each]
        if parts:
            found = [f for f in found if self._in_parts(f, wanted, parts)]
        return found

    def _in_parts(self, key: int, wanted: str, parts: tuple[int, ...]) -> bool:
        lines = self._texts[self._places[key]].split("\n")
        return any(wanted in lines[p] for p in parts if p < len(lines))
