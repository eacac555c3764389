"""What holds for every input whatever: only SCIM errors, once is enough, and the caller's objects stay as they were."""

from __future__ import annotations

import copy
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scim.errors import ConnectorError
from scim.protocol.dialects import (
    normalise_body,
    normalise_bulk,
    normalise_path,
    normalise_query,
    normalise_search,
    soft_deleted_name,
)
from scim.protocol.dialects.vocabulary import ENDPOINTS, ENTERPRISE, SCHEMAS
from scim.protocol.limits import check_filter, check_patch, parse_json
from scim.protocol.membership import member_delta

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))

NAMES = st.sampled_from(
    [
        *("active", "Active", "userName", "members", "Members", "emails", "roles", "manager", "managerId", "value"),
        *("Value", "$ref", "display", "primary", "type", "id", "meta", "groups", "schemas", "Operations", "operations"),
        *("op", "Op", "path", "rights", "container", "user", "parent", "department", "title", "name", "nope"),
        *("name.givenName", "addresses", "filter", "count", "itemsPerPage", "attributes"),
        'emails[type eq "work"].value',
        "roles[primary eq 'True'].value",
        "members[value eq 7]",
        "emails[",
        "emails[type eq 'x",
        ENTERPRISE,
        ENTERPRISE + ":manager",
        ENTERPRISE + ".department",
        "urn:x:y",
        SCHEMAS["User"] + ":active",
    ]
)
TEXTS = st.one_of(
    st.sampled_from(
        ["", "True", "false", "7", '{"id":"1","value":"25","displayName":"R"}', "{", "Add", "Replace", "remove"]
    ),
    NAMES,
    st.text(max_size=8),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), TEXTS)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=8,
)
TYPES = st.sampled_from(sorted(SCHEMAS))
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["Add", "replace", "REMOVE", "remove", "nope"])},
    optional={"path": st.one_of(NAMES, TEXTS), "value": JSON},
)
PATCHES = st.builds(lambda ops: {"Operations": ops}, st.lists(st.one_of(OPERATIONS, JSON), max_size=4))


def _attempt(call: Any) -> Any:
    try:
        return call()
    except ConnectorError:
        return None


@QUICK
@given(st.sampled_from(["POST", "PUT", "PATCH", "DELETE"]), TYPES, st.one_of(JSON, PATCHES), st.booleans())
def test_a_body_is_normalised_once_never_changed_in_place_and_refused_only_with_scim_errors(
    method: str, resource_type: str, body: Any, strict: bool
) -> None:
    before = copy.deepcopy(body)
    done = _attempt(lambda: normalise_body(method, resource_type, body, strict=strict))
    assert before == body
    if done is not None:
        again, _ = normalise_body(method, resource_type, done[0], strict=strict)
        assert done[0] == again


@settings(QUICK, max_examples=250)
@given(TYPES, PATCHES)
def test_a_patch_is_normalised_once_and_its_second_reading_has_nothing_to_note(resource_type: str, body: Any) -> None:
    before = copy.deepcopy(body)
    done = _attempt(lambda: normalise_body("PATCH", resource_type, body))
    assert before == body
    if done is not None:
        assert (done[0], ()) == normalise_body("PATCH", resource_type, done[0])
        operations = done[0]["Operations"]
        member_delta(operations)
        check_patch(done[0])


@QUICK
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "method": st.sampled_from(["post", "PATCH", "put", "delete", "x"]),
                "path": st.one_of(st.sampled_from(["/" + name for name in ENDPOINTS] + ["/users/1"]), TEXTS),
            },
            optional={"data": st.one_of(JSON, PATCHES), "bulkId": TEXTS},
        )
        | JSON,
        max_size=4,
    ),
    st.booleans(),
)
def test_a_bulk_keeps_its_operations_in_place_and_settles_at_once(operations: list[Any], strict: bool) -> None:
    body = {"operations": operations}
    before = copy.deepcopy(body)
    done, _, refused = normalise_bulk(body, strict=strict)
    assert before == body
    assert len(operations) == len(done["Operations"])
    again, _, refused_again = normalise_bulk(done, strict=strict)
    assert done == again
    assert refused.keys() == refused_again.keys()


FILTER_WORDS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *("userName", "eq", "EQ", "pr", "and", "OR", "not", "(", ")", "[", "]", '"a"', "'b'", "5", "True"),
                *("manager", "members.value", "members", "container", "+", ".", '"x', "'O'Brien'", '"True"', "'True'"),
                *('emails[type eq "work"]', ".value", "active", "primary"),
            ]
        ),
        st.text(max_size=5),
    ),
    max_size=12,
)


@settings(QUICK, max_examples=300)
@given(FILTER_WORDS.map(" ".join), st.sampled_from([None, *SCHEMAS]), st.booleans())
def test_a_repaired_filter_is_not_repaired_again(text: str, resource_type: str | None, strict: bool) -> None:
    done = _attempt(lambda: normalise_query("filter=" + quote(text), resource_type=resource_type, strict=strict))
    if done is not None and "filter" in done[0]:
        repaired = done[0]["filter"]
        check_filter(repaired)
        again, notes = normalise_query("filter=" + quote(repaired), resource_type=resource_type, strict=strict)
        assert repaired == again["filter"]
        assert notes == ()


@QUICK
@given(st.text(max_size=60), st.booleans())
def test_any_query_string_gives_parameters_or_a_scim_error(text: str, strict: bool) -> None:
    _attempt(lambda: normalise_query(text, resource_type="User", strict=strict))


@QUICK
@given(JSON, st.booleans())
def test_any_search_body_settles_at_once(body: Any, strict: bool) -> None:
    before = copy.deepcopy(body)
    done = _attempt(lambda: normalise_search(body, resource_type="User", strict=strict))
    assert before == body
    if done is not None:
        assert done[0] == normalise_search(done[0], resource_type="User", strict=strict)[0]


@QUICK
@given(st.text(max_size=40) | st.lists(TEXTS, max_size=4).map("/".join))
def test_any_path_settles_at_once(path: str) -> None:
    once = normalise_path(path)
    assert once == normalise_path(once)
    soft_deleted_name(path)


@QUICK
@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_a_scim_error(body: bytes) -> None:
    _attempt(lambda: parse_json(body))
