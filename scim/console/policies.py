"""The policies of a connection as questions that people can answer. One not named here still gets a plain field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal, get_args, get_origin

from scim.administration.words import FOLDER_LEVELS, SECRET_LEVELS, policy_value, rights_map
from scim.errors import InvalidValue
from scim.model import Policies

BLANKS = 3  # empty rows at the end of a map: saving gives three more, without a script

"""A policy's group, its question, and a word of help."""

TEXTS: dict[str, tuple[str, str, str]] = {
    "adoption": ("Accounts", "Accounts that were there before", ""),
    "rename": ("Accounts", "When somebody's name changes", "Secret Server cannot rename an account."),
    "adopted_passwords": ("Accounts", "May set passwords of accounts it did not create", ""),
    "leave_groups_on_delete": ("Accounts", "A deleted account leaves its groups", ""),
    "show_own_account": ("Accounts", "Show the connector's own account", "It stays protected either way."),
    "person_attributes": ("Accounts", "What is kept of a person beside the vault", "Empty: all that the platform sends. Else only these attributes, one a line, such as name, title, department; none: nothing."),
    "mail_domains": ("Accounts", "Only these e-mail domains", "Empty: any. One a line."),
    "unknown_members": ("Accounts", "Members that are not users here", ""),
    "breaker": ("Mass changes", "Hold mass changes for a human", "More disables, deletes and removals within an hour than the limit wait for a release."),
    "breaker_floor": ("Mass changes", "The limit is at least", "changes an hour"),
    "breaker_percent": ("Mass changes", "and at least this share", "percent of all users"),
    "delete_non_empty": ("Folders and secrets", "Deleting a folder that is not empty", ""),
    "existing_pair": ("Folders and secrets", "A new right for somebody who has one there", ""),
    "break_inheritance": ("Folders and secrets", "A change where rights are inherited", ""),
    "rights_style": ("Folders and secrets", "How rights are spelled", ""),
    "unknown_right": ("Folders and secrets", "A right that nobody knows", ""),
    "container_rights": ("Permission map", "Rights on folders", "Several words may mean one right. With a word here only these words are accepted. Empty a word to take it out."),
    "secret_rights": ("Permission map", "Rights on secrets", "Likewise."),
    "grantees": ("Folders and secrets", "Who may be given rights", ""),
    "secret_passwords": ("Folders and secrets", "Passwords that are not given", ""),
    "secret_template": ("Folders and secrets", "Template of new secrets", "For requests that name none."),
    "secret_folder": ("Folders and secrets", "Folder of new secrets", "Id or path, for requests that name none."),
    "secret_blanks": ("Folders and secrets", "Fields that are not given", ""),
    "strict": ("Dialect", "Strict: refuse what the standard does not allow", "Off: spellings of the known clients are understood, and what was changed is shown in Messages."),
    "patch_answer": ("Dialect", "Answer to a change", ""),
}  # fmt: skip
# ruff: noqa: E501  -- a table of texts

"""What a choice means. In front of it stands the word that the API, the command line and the documentation use."""

CHOICES: dict[tuple[str, str], str] = {
    ("adoption", "adopt"): "take one over at its first change",
    ("adoption", "shared"): "change them, own none",
    ("adoption", "managed-only"): "change only what this connection made",
    ("rename", "alias"): "keep the new name beside the account",
    ("rename", "refuse"): "answer 400",
    ("unknown_members", "refuse"): "answer 400",
    ("unknown_members", "skip"): "leave them out, and say so in the audit trail",
    ("patch_answer", "resource"): "200 with the object",
    ("patch_answer", "nothing"): "204",
    ("delete_non_empty", "refuse"): "answer 400",
    ("delete_non_empty", "allow"): "delete it with what is in it",
    ("existing_pair", "conflict"): "answer 409",
    ("existing_pair", "merge"): "change the one there is",
    ("break_inheritance", "refuse"): "answer 400, naming that folder",
    ("break_inheritance", "break"): "break the inheritance there",
    ("rights_style", "simple"): "“View”",
    ("rights_style", "detailed"): "“View”, “Secrets:List”",
    ("grantees", "any"): "users and groups",
    ("grantees", "users"): "nobody else",
    ("grantees", "groups"): "nobody else",
    ("unknown_right", "strict"): "answer 400 with the allowed ones",
    ("unknown_right", "legacy"): "take it as View, as the vendor's connector",
    ("secret_passwords", "vault"): "the vault makes one up",
    ("secret_passwords", "policy"): "the connector makes one up",
    ("secret_blanks", "refuse"): "answer 400",
    ("secret_blanks", "fill"): "write a dash",
}


@dataclass(frozen=True, slots=True)
class Question:
    """One policy: which kind of field it wants, and what may be chosen."""

    name: str
    label: str
    help: str
    kind: str  # bool, choice, number, list, map or text
    choices: tuple[str, ...] = ()

    @property
    def options(self) -> list[tuple[str, str]]:
        """Each choice with what it means."""
        told = ((choice, CHOICES.get((self.name, choice), "")) for choice in self.choices)
        return [(choice, f"{choice}: {text}" if text else choice) for choice, text in told]

    @property
    def blanks(self) -> int:
        """Empty rows at the end of a map."""
        return BLANKS

    def shown(self, policies: Policies) -> Any:
        value = getattr(policies, self.name)
        if self.kind == "list":
            return "\n".join(value)
        if self.kind == "map":
            pairs = [(word, *(part.strip() for part in right.partition("/")[::2])) for word, right in value.items()]
            return [*pairs, *[("", "", "")] * BLANKS]
        return value

    @property
    def levels(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """For a map: the vault's rights, and the secret levels that may stand beside a right on a folder."""
        secrets = tuple(SECRET_LEVELS.values())
        if self.name == "container_rights":
            return tuple(FOLDER_LEVELS.values()), secrets
        return tuple(level for level in secrets if level != "None"), ()


def _question(name: str) -> tuple[str, Question]:
    group, label, text = TEXTS.get(name, ("More", name.replace("_", " ").capitalize(), ""))
    annotation = Policies.model_fields[name].annotation
    if get_origin(annotation) is Literal:
        return group, Question(name, label, text, "choice", get_args(annotation))
    kinds = {bool: "bool", int: "number", str: "text"}
    kind = kinds.get(annotation) if isinstance(annotation, type) else None
    if kind is None:
        kind = "map" if get_origin(annotation) is dict else "list"
    return group, Question(name, label, text, kind)


def _grouped() -> dict[str, list[Question]]:
    order = ("Accounts", "Mass changes", "Folders and secrets", "Permission map", "Dialect", "More")
    found: dict[str, list[Question]] = {name: [] for name in order}
    for name in Policies.model_fields:
        group, question = _question(name)
        found[group].append(question)
    return {name: questions for name, questions in found.items() if questions}


GROUPS = _grouped()


def read_policies(old: Policies, form: Mapping[str, list[str]]) -> dict[str, Any]:
    """All policies after a form, as plain values. :raises InvalidValue: naming the policy."""
    values = old.model_dump()
    for questions in GROUPS.values():
        for question in questions:
            text = form.get(question.name, [""])[0].strip()
            if question.kind == "bool":
                values[question.name] = question.name in form
            elif question.kind == "map":
                values[question.name] = _map(question, form)
            else:
                values[question.name] = policy_value(question.name, text)
    return values


def _map(question: Question, form: Mapping[str, list[str]]) -> dict[str, str]:
    """Rows of a word, a right and, for folders, a secret level. :raises InvalidValue: naming the word."""
    columns = [form.get(f"{question.name}.{column}", []) for column in ("word", "right", "secrets")]
    pairs: dict[str, str] = {}
    for word, right, secrets in zip_longest(*columns, fillvalue=""):
        if not word.strip():
            continue
        if not right:
            raise InvalidValue(f"{question.label}: choose what {word.strip()[:40]} means")
        if word.strip() in pairs:
            raise InvalidValue(f"{question.label}: {word.strip()[:40]} stands there twice")
        pairs[word.strip()] = f"{right}/{secrets}" if secrets else right
    return rights_map(question.name, pairs)
