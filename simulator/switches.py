"""What nobody outside the vendor knows about Secret Server, as named switches.

Each switch stands for one question the facts leave open, or one thing that differs between versions and tenants.  The
default is the reading that costs a careless client most, so that tests against it stay true on a milder vault.
"""

from dataclasses import Field, dataclass, field, fields
from typing import Any


def _switch(default: Any, says: str, *choices: str) -> Any:
    return field(default=default, metadata={"says": says, "choices": choices})


@dataclass
class Switches:
    # -- answers in general
    version: str = _switch(
        "11.7", "API generation: 11.7 has PUT /v2/groups/{id}/roles, 11.2 has it under /v1", "11.7", "11.2"
    )
    version_shape: str = _switch("model", "GET /v1/version answers {model:{version}} or {version}", "model", "plain")
    missing_status: int = _switch(400, "status for an id that does not exist (400 or 404)")
    duplicate_status: int = _switch(400, "status for a name that is taken (400 or 409)")
    denied_status: int = _switch(403, "status of API_AccessDenied: 403 now, 400 before 10.9.33")
    denied_search: str = _switch("omit", "a search without permission leaves rows out, or is refused", "omit", "refuse")
    unknown_path: str = _switch("html", "body of the 404 for an unknown path", "html", "json")
    max_query: int = _switch(
        2048, "longest query string that the web server lets through (404 HTML beyond); 0 = no limit"
    )
    time_format: str = _switch(
        "fraction", "times with fractions and no zone, without fractions, or with Z", "fraction", "plain", "zone"
    )
    default_take: int = _switch(10, "rows on a page when take is absent")
    max_take: int = _switch(0, "most rows on a page; 0 = no limit")
    over_max_take: str = _switch("cap", "a larger take is cut down silently, or refused", "cap", "refuse")
    legacy_paging: bool = _switch(True, "the older paging.filter.* and paging.take names are understood")
    sort_names: str = _switch("", "accepted sort names, comma separated; empty = every property of the row")
    unknown_sort: str = _switch("refuse", "an unknown sort name is 400, or has no effect", "refuse", "ignore")
    default_order: str = _switch(
        "id", "rows without sortBy: by id, or in another order on every call", "id", "unstable"
    )
    wrong_wrapper: str = _switch(
        "ignore", "a patch in another dialect changes nothing with 200, or is 400", "ignore", "refuse"
    )
    put_missing: str = _switch(
        "reset", "PUT sets a property that is absent to its empty value, or keeps it", "reset", "keep"
    )
    second_delete: str = _switch("error", "deleting what is already deactivated is 400, or 200", "error", "ok")
    lag_ms: int = _switch(0, "a new user or group is not found by reads for so long")
    # -- logging in
    token_error: str = _switch(
        "error", "property that carries the text of a refused log-in", "error", "message", "html"
    )
    expires_in: str = _switch("number", "type of expires_in", "number", "string")
    refresh_tokens: bool = _switch(False, "a log-in also gives a refresh token (single use)")
    refresh_limit: int = _switch(3, "refreshes after one log-in")
    lockout_after: int = _switch(5, "wrong passwords in a row that lock an account; 0 = never")
    max_tokens: int = _switch(0, "log-ins alive per account: the oldest falls out; 0 = no limit")
    # -- users
    local_domain_id: int = _switch(
        -1, "domainId that a local user's or group's record shows (-1 is known for searches only)"
    )
    get_inactive_needs_flag: bool = _switch(True, "GET /v1/users/{id} of a disabled user needs includeInactive=true")
    search_fields: str = _switch(
        "honour", "filter.searchFields narrows, has no effect, or is 400", "honour", "ignore", "refuse"
    )
    create_enabled: bool = _switch(False, "state of a new user whose body does not say enabled")
    new_user_role: bool = _switch(True, "a new user holds the role User; the tenant may configure otherwise")
    licences: int = _switch(0, "enabled users that the licence allows; 0 = no limit")
    application_accounts: int = _switch(0, "application accounts that the licence allows; 0 = no limit")
    directory_managed: str = _switch("refuse", "name, e-mail and enabled of a directory's user", "refuse", "accept")
    directory_managed_code: str = _switch("", "errorCode of that refusal, which is unknown")
    user_groups_personal: bool = _switch(False, "GET /v1/users/{id}/groups lists the personal group too")
    user_roles_effective: bool = _switch(False, "GET /v1/users/{id}/roles lists roles from groups too")
    # -- groups
    group_name_after_delete: str = _switch(
        "collides", "the name of a disabled group is taken, or free", "collides", "frees"
    )
    members_unknown_user: str = _switch(
        "refuse", "an unknown user in a member list: nothing happens and 400, or skipped", "refuse", "skip"
    )
    personal_groups_hidden: bool = _switch(True, "GET /v1/groups leaves personal groups out")
    get_inactive_group: bool = _switch(True, "GET /v1/groups/{id} answers for a disabled group")
    platform_groups: bool = _switch(False, "new local groups are marked isPlatform")
    # -- folders
    folder_permissions_unfiltered: bool = _switch(
        False, "GET /v1/folder-permissions works without filter.folderId, groupId or userId"
    )
    inherited_rows: str = _switch(
        "own",
        "rows of an inheriting folder: own copies with own ids, its ancestor's rows, or none",
        "own",
        "parent",
        "none",
    )
    break_inheritance_default: bool = _switch(True, "value of breakInheritance when a request leaves it out")
    rows_after_break: str = _switch(
        "copied",
        "a folder or secret that stops inheriting keeps copies of its rows, or only who ended it owns it then",
        "copied",
        "none",
    )
    inherited_error: str = _switch("message", "where API_PermissionsAreInherited stands", "message", "errorCode")
    delete_nonempty_folder: str = _switch(
        "refuse", "a folder with content: DELETE is 400, or takes all with it", "refuse", "cascade"
    )
    folder_visibility: bool = _switch(True, "a folder is seen only by those who may view it")
    user_rows: str = _switch(
        "both", "a person's permission row in a search names user and personal group, or the user only", "both", "user"
    )
    # -- secrets and reports
    folderless_secrets: bool = _switch(True, "a secret may be without folder")
    restricted_in_search: str = _switch(
        "asked",
        "secrets with check-out or comment are listed with includeRestricted=true only, or always",
        "asked",
        "always",
    )
    site_required: bool = _switch(True, "a new secret without siteId is 400")
    v1_secrets: bool = _switch(True, "the superseded GET /v1/secrets and GET /v1/secrets/{id} still answer")
    secret_search_total: bool = _switch(True, "doNotCalculateTotal=true gives total 0; otherwise it is ignored")
    reports_present: bool = _switch(False, "the SCIM reports exist from the start")
    configuration_needs_permission: bool = _switch(
        False, "reading the configuration needs View or Administer Configuration"
    )

    def set(self, name: str, value: Any) -> None:
        """Change one switch; a name or value that does not exist is a ValueError that lists what does."""
        known = {f.name: f for f in fields(self)}
        if name not in known:
            raise ValueError(f"no switch is called {name!r}; there are: {', '.join(sorted(known))}")
        setattr(self, name, _read(known[name], value))

    def as_dict(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def table(cls) -> str:
        """All switches with default and meaning, for --help and for the reader."""
        lines = []
        for f in fields(cls):
            choices = f" [{'|'.join(f.metadata['choices'])}]" if f.metadata["choices"] else ""
            lines.append(f"  {f.name}={f.default}{choices}\n      {f.metadata['says']}")
        return "\n".join(lines)


def _read(known: "Field[Any]", value: Any) -> Any:
    kind: type[Any] = type(known.default)
    if kind is bool:
        if isinstance(value, bool):
            return value
        if str(value).lower() in {"true", "1", "yes", "on"}:
            return True
        if str(value).lower() in {"false", "0", "no", "off"}:
            return False
        raise ValueError(f"switch {known.name} is true or false, not {value!r}")
    if kind is int:
        return int(value)
    choices = known.metadata["choices"]
    if choices and str(value) not in choices:
        raise ValueError(f"switch {known.name} is one of {', '.join(choices)}, not {value!r}")
    return str(value)
