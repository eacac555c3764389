"""Route templates mean what ASP.NET's router takes them for."""

import pytest

from local.routes import BadTemplate, Router, compiled


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("Users/{id?}", "/users", {}),
        ("Users/{id?}", "/Users/a:b", {"id": "a:b"}),
        ("Users/{id?}", "/Users/a/b", None),
        ("Users/{id}", "/Users", None),
        ("Users/{id}", "/Users//", None),
        ("{*path}", "/", {}),
        ("{*path}", "/a/b/", {"path": "a/b/"}),
        ("x/{**rest}", "/x/a%2Fb/c", {"rest": "a%2Fb/c"}),
        ("x/{id=5}", "/x", {"id": "5"}),
        ("x/{id:int}", "/x/-12", {"id": "-12"}),
        ("x/{id:int}", "/x/99999999999", None),
        ("x/{id:long}", "/x/99999999999", {"id": "99999999999"}),
        ("x/{id:int:min(3)}", "/x/2", None),
        ("x/{id:range(1,9)?}", "/x", {}),
        ("x/{id:guid}", "/x/7d444840-9dc0-11d1-b245-5ffdce74fad2", {"id": "7d444840-9dc0-11d1-b245-5ffdce74fad2"}),
        ("x/{id:guid}", "/x/7d444840", None),
        ("x/{id:length(2,3)}", "/x/abcd", None),
        ("x/{v:regex(^v(1|2)$)}", "/x/V2", {"v": "V2"}),
        ("x/{v:regex(^\\d{{3}}$)}", "/x/12", None),
        ("files/{name}.{kind}", "/files/a.txt", {"name": "a", "kind": "txt"}),
        (".search", "/.SEARCH", {}),
        ("a.b", "/axb", None),
    ],
)
def test_a_template_matches_what_aspnet_would_match(template, path, values):
    assert compiled(template).match(path) == values


@pytest.mark.parametrize("template", ["x/{id", "x/{*a}/b", "x/{id:nothing}", "x/{id:int(3)}"])
def test_a_template_that_cannot_be_read_is_refused(template):
    with pytest.raises(BadTemplate):
        compiled(template)


@pytest.mark.parametrize("template", ["admin/x", "Administrators", "runtime"])
def test_the_hosts_own_prefixes_are_refused(template):
    with pytest.raises(BadTemplate):
        Router[str]().add("f", template, ["GET"], "f")


def test_the_same_template_with_a_common_method_is_a_conflict():
    router = Router[str]()
    router.add("a", "Users/{id}", ["GET", "PUT"], "a")
    router.add("b", "users/{id}/", ["POST"], "b")
    with pytest.raises(BadTemplate):
        router.add("c", "/Users/{id}", ["PUT"], "c")


def test_functions_are_tried_in_alphabetical_order_whatever_their_case_and_order_of_registration():
    router = Router[str]()
    for name in ("b", "A", "_c", "9"):
        router.add(name, f"{{{name.strip('_') if name != '9' else 'nine'}}}", ["GET"], name)
    assert [route.name for route in router.routes] == ["9", "A", "b", "_c"]
    assert router.match("GET", "/x") == ("9", {"nine": "x"})
