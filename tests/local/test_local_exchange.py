"""Paths, queries and cookies as the host hands them on."""

import pytest

from local.exchange import Answer, BadPath, Cookie, forwarded, paths, query_of


@pytest.mark.parametrize(
    ("raw", "decoded", "shown"),
    [
        (b"/scim/v2/Users", "/scim/v2/Users", "/scim/v2/Users"),
        (b"/a%2fb%2Fc", "/a%2fb%2Fc", "/a%2fb%2Fc"),
        (b"/a%20b", "/a b", "/a%20b"),
        (b"/%C3%A9", "/é", "/%C3%A9"),
        (b"/%FF", "/%FF", "/%FF"),
        (b"/%2541", "/%41", "/%41"),
        (b"/a/./b/../.search", "/a/.search", "/a/.search"),
        (b"/a/%2e%2e/b", "/b", "/b"),
        (b"/../..", "/", "/"),
        (b"/urn:ietf:x", "/urn:ietf:x", "/urn:ietf:x"),
        (b'/a"b', '/a"b', "/a%22b"),
    ],
)
def test_a_path_is_unescaped_once_cleaned_of_dots_and_escaped_again_for_the_url(raw, decoded, shown):
    assert paths(raw) == (decoded, shown)


def test_a_null_byte_in_a_path_is_refused():
    with pytest.raises(BadPath):
        paths(b"/a%00b")


def test_empty_values_vanish_and_names_ignore_case():
    assert query_of(b"a=&B=1&b=&b=2&c") == {"B": "1,2"}


def test_only_the_last_forwarded_address_is_ours():
    assert forwarded("203.0.113.9", ("127.0.0.1", 5)) == "203.0.113.9, 127.0.0.1:5"
    assert forwarded(None, ("127.0.0.1", 5)) == "127.0.0.1:5"


def test_no_content_length_is_sent_with_204():
    assert Answer(204).wire_headers() == []


def test_a_cookie_is_escaped_by_the_host():
    assert Cookie("s", "a=b;c").header() == "s=a%3Db%3Bc"
