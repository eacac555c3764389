"""Step 4: rights. A right on a folder has two dimensions in the vault, and one list of words in SCIM.

    style     rights on a folder                  rights on a secret
    simple    ["Edit"]: the folder level; the     ["View"]
              secret level follows from FOLLOWS
    detailed  ["Edit", "Secrets:List"]: both      ["View"]

A connection's map gives words of its own, many to one: {"Admin": "Owner", "Auditor": "View/List"}. With a map its keys
are all that is accepted; without one the vault's own names are. What nobody gave a word for is shown by the vault's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from scim.content import FOLDER_RANK, FolderLevel, Levels, SecretLevel
from scim.errors import InvalidValue, excerpt
from scim.model import Kind, Policies
from scim.names import fold

FOLLOWS: Mapping[FolderLevel, SecretLevel] = {
    FolderLevel.VIEW: SecretLevel.VIEW,
    FolderLevel.ADD: SecretLevel.LIST,
    FolderLevel.EDIT: SecretLevel.EDIT,
    FolderLevel.OWNER: SecretLevel.OWNER,
}
"""Which secret level a folder level brings along where the client names only the latter."""
PREFIX = "Secrets:"
SECRET_LEVELS = tuple(level for level in SecretLevel if level is not SecretLevel.NONE)


@dataclass(frozen=True)
class Rights:
    """One connection's words for one kind of grant."""

    kind: Kind
    detailed: bool
    legacy: bool
    words: Mapping[str, str]

    @classmethod
    def of(cls, kind: Kind, policies: Policies) -> Rights:
        folders = kind is Kind.FOLDER_GRANT
        words = policies.container_rights if folders else policies.secret_rights
        return cls(kind, folders and policies.rights_style == "detailed", policies.unknown_right == "legacy", words)

    @property
    def folders(self) -> bool:
        return self.kind is Kind.FOLDER_GRANT

    @cached_property
    def meanings(self) -> dict[str, Levels]:
        """Every accepted word, and what it stands for; one that a map explains with nonsense is left out."""
        if self.words:
            found = {word: _meaning(text, folders=self.folders) for word, text in self.words.items()}
            return {word: levels for word, levels in found.items() if levels is not None}
        if self.folders:
            return {level.value: Levels(level, FOLLOWS[level]) for level in FolderLevel}
        return {level.value: Levels(None, level) for level in SECRET_LEVELS}

    @property
    def allowed(self) -> list[str]:
        """What `rights` may hold; the canonical values of /Schemas and the names of /Entitlements."""
        return [*self.meanings, *(_secret_words() if self.detailed else ())]

    # -- words → levels ----------------------------------------------------------------------------------------------

    def read(self, given: Iterable[object], current: Levels | None = None) -> Levels:
        """What a list of rights asks for: several are read as all of them together.

        :param current: The levels that the grant has; a list that shows just these leaves the secret level alone.
        :raises InvalidValue: None at all, or an unknown one; the detail lists what is allowed.
        """
        texts = [str(word).strip() for word in given if str(word or "").strip()]
        if not texts:
            raise InvalidValue(f"rights: at least one is needed; allowed are {', '.join(self.allowed)}")
        if current is not None and {fold(t) for t in texts} == {fold(t) for t in self.show(current)}:
            return current
        plain = [text for text in texts if not self._names_secret_level(text)]
        secret = [level for text in texts if (level := self._secret_level(text)) is not None]
        found = [self._one(text, current) for text in plain]
        if not found and current is not None and secret:
            found = [current]
        if not found:
            raise InvalidValue(f"rights: a right on the folder is needed too; allowed are {', '.join(self.allowed)}")
        levels = found[0]
        for more in found[1:]:
            levels = levels.joined(more)
        if self.detailed and current is not None and not secret:
            return Levels(
                levels.folder, SecretLevel.NONE
            )  # the list was whole, and the word for secrets was taken away
        return Levels(levels.folder, max(secret, key=list(SecretLevel).index)) if secret else levels

    def _one(self, text: str, current: Levels | None) -> Levels:
        known = {fold(word): levels for word, levels in self.meanings.items()}
        levels = known.get(fold(text))
        if levels is None and current is not None and fold(text) == fold(self._word(current, None)):
            return current  # given in the vault itself, and without a word here: what is shown may be sent back
        if levels is None and self.legacy:
            return Levels(FolderLevel.VIEW if self.folders else None, SecretLevel.VIEW)
        if levels is None:
            raise InvalidValue(f"rights: {excerpt(text)} is not known here; allowed are {', '.join(self.allowed)}")
        return levels

    def own_word(self, text: str) -> str | None:
        """A word of this connection as its map spells it."""
        return next((word for word in self.meanings if fold(word) == fold(text)), None)

    def _names_secret_level(self, text: str) -> bool:
        return self.detailed and text.casefold().startswith(PREFIX.casefold())

    def _secret_level(self, text: str) -> SecretLevel | None:
        if not self._names_secret_level(text):
            return None
        wanted = text[len(PREFIX) :].strip().casefold()
        for level in SecretLevel:
            if level.value.casefold() == wanted:
                return level
        raise InvalidValue(f"rights: {excerpt(text)} is not known here; allowed are {', '.join(self.allowed)}")

    # -- levels → words ----------------------------------------------------------------------------------------------

    def show(self, levels: Levels, kept: object = None) -> list[str]:
        """The words for what somebody may do. `kept`: the word that this client used, shown again while it is true."""
        first = [self._word(levels, kept)]
        return [*first, PREFIX + levels.secret.value] if self.detailed else first

    def _word(self, levels: Levels, kept: object) -> str:
        def fits(meaning: Levels) -> bool:
            return meaning.folder == levels.folder if self.folders else meaning.secret == levels.secret

        if isinstance(kept, str) and kept in self.meanings and fits(self.meanings[kept]):
            return kept
        exact = [word for word, meaning in self.meanings.items() if meaning == levels]
        close = [word for word, meaning in self.meanings.items() if fits(meaning)]
        if exact or close:
            return (exact or close)[0]
        return levels.folder.value if levels.folder is not None else levels.secret.value

    def meant_by(self, word: str) -> frozenset[Levels] | None:
        """Every pair of levels that is shown with this word, for filters; None when it has to be looked at."""
        if self._names_secret_level(word):
            return None
        every = [
            Levels(folder, secret) for folder in (FOLDER_RANK if self.folders else (None,)) for secret in SecretLevel
        ]
        return frozenset(levels for levels in every if fold(self._word(levels, None)) == fold(word))


def _meaning(text: str, *, folders: bool) -> Levels | None:
    """`Edit`, or `Edit/View` for a folder level and a secret level."""
    left, _, right = text.partition("/")
    secrets = {level.value.casefold(): level for level in SecretLevel}
    if not folders:
        level = secrets.get(left.strip().casefold())
        return None if level in (None, SecretLevel.NONE) else Levels(None, level or SecretLevel.VIEW)
    folder = {level.value.casefold(): level for level in FolderLevel}.get(left.strip().casefold())
    if folder is None:
        return None
    if not right.strip():
        return Levels(folder, FOLLOWS[folder])
    secret = secrets.get(right.strip().casefold())
    return None if secret is None else Levels(folder, secret)


def _secret_words() -> list[str]:
    return [PREFIX + level.value for level in SecretLevel]
