"""The local host keeps the real host's manners, whichever engine runs the functions."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest


@pytest.mark.parametrize(
    ("method", "target", "function"),
    [
        ("POST", "/scim/v2/Users/.search", "a_search"),
        ("GET", "/scim/v2/Users/.search", "m_users"),
        ("GET", "/scim/v2/Users/Me", "m_users"),
        ("GET", "/things/7", "c_number"),
        ("GET", "/things/seven", "d_rest"),
    ],
)
def test_the_first_function_by_name_whose_method_fits_gets_the_request(host, method, target, function):
    assert host.told(method, target)["function"] == function


def test_literal_segments_ignore_case_and_one_trailing_slash(host):
    assert host.told("GET", "/SCIM/V2/users/Abc/")["route"] == {"id": "Abc"}
    assert host.told("GET", "/scim/v2/Users/")["route"] == {}


@pytest.mark.parametrize(("method", "target"), [("DELETE", "/string"), ("HEAD", "/string"), ("GET", "/nowhere")])
def test_no_route_or_a_wrong_method_is_an_empty_404(host, method, target):
    reply = host.ask(method, target)
    assert (reply.status, reply.body) == (404, b"")


def test_a_path_is_unescaped_except_for_slashes_and_the_url_shows_it_escaped(host):
    seen = host.told("GET", "/scim/v2/Users/a%2Fb%20%C3%A9?x=%20y")
    assert seen["route"] == {"id": "a%2Fb é"}
    assert seen["url"] == f"http://127.0.0.1:{host.port}/scim/v2/Users/a%2Fb%20%C3%A9?x=%20y"


def test_repeated_query_keys_are_joined_and_empty_ones_dropped_but_the_url_keeps_them(host):
    seen = host.told("GET", "/scim/v2/Users?filter=&a=1&A=2&b=x+y%26&c")
    assert seen["params"] == {"a": "1,2", "b": "x y&"}
    assert seen["url"].endswith("?filter=&a=1&A=2&b=x+y%26&c")


def test_header_names_are_lower_case_and_repeats_are_joined_by_a_comma(host):
    seen = host.told("GET", "/scim/v2/Users", headers=[("X-Two", "1"), ("x-two", "2")])
    assert seen["headers"]["x-two"] == "1,2"


def test_the_caller_is_appended_to_x_forwarded_for_with_its_port(host):
    seen = host.told("GET", "/scim/v2/Users", headers=[("X-Forwarded-For", "203.0.113.9")])
    claimed, _, real = seen["headers"]["x-forwarded-for"].partition(", ")
    assert claimed == "203.0.113.9"
    assert real.startswith("127.0.0.1:")


def test_a_body_with_a_length_arrives_and_a_chunked_one_is_empty(host):
    assert host.told("POST", "/scim/v2/Users", b'{"a": 1}')["body"] == '{"a": 1}'
    assert host.told("POST", "/scim/v2/Users", iter([b"{}", b"{}"]))["body"] == ""
    assert host.told("POST", "/scim/v2/Users", b"next on a new connection")["body"] == "next on a new connection"


def test_a_body_above_the_limit_is_refused_by_the_host(host):
    assert host.told("POST", "/scim/v2/Users", b"x" * 1000)["body"] == "x" * 1000
    reply = host.ask("POST", "/scim/v2/Users", b"x" * 1001)
    assert (reply.status, reply.body) == (413, b"")


def test_local_chunked_lets_chunked_bodies_through_up_to_the_limit(start_host):
    host = start_host("thin", LOCAL_CHUNKED="1", FUNCTIONS_REQUEST_BODY_SIZE_LIMIT="10")
    assert host.told("POST", "/scim/v2/Users", iter([b"ab", b"cd"]))["body"] == "abcd"
    assert host.ask("POST", "/scim/v2/Users", iter([b"x" * 6, b"y" * 6])).status == 413


@pytest.mark.parametrize("kind", ["raise", "nothing"])
def test_a_function_that_raises_or_returns_nothing_is_an_empty_500(host, kind):
    reply = host.ask("GET", f"/answers/{kind}")
    assert (reply.status, reply.body) == (500, b"")


def test_an_answer_without_a_content_type_is_plain_text_even_without_a_body(host):
    assert ("content-type", "text/plain; charset=utf-8") in host.ask("GET", "/answers/empty").headers
    assert ("content-type", "text/plain; charset=utf-8") in host.ask("GET", "/string").headers


def test_the_second_header_of_a_name_is_lost_but_every_cookie_arrives(host):
    headers = host.ask("GET", "/answers/twice").headers
    assert [value for name, value in headers if name == "x-twice"] == ["1"]
    assert [value for name, value in headers if name == "set-cookie"] == [
        "a=1; path=/; secure; samesite=lax; httponly",
        "b=2; max-age=60; samesite=strict",
        "c=%3B%20; expires=Wed, 21 Oct 2026 07:28:00 GMT; samesite=none",
    ]


def test_head_is_answered_without_a_body_where_a_function_lists_it(host):
    reply = host.ask("HEAD", "/answers/text")
    assert (reply.status, reply.body) == (200, b"")


TARGETS = [
    ("GET", "/answers/twice"),
    ("GET", "/answers/empty"),
    ("GET", "/answers/Zürich"),
    ("GET", "/answers/raise"),
    ("GET", "/context"),
    ("GET", "/string"),
    ("GET", "/things/a/b%2Fc/"),
    ("GET", "/things"),
    ("PATCH", "/scim/v2/Users/1?attributes=id,userName"),
    ("GET", "/a/../context"),
    ("GET", "/"),
]


@pytest.mark.parametrize(("method", "target"), TARGETS)
def test_both_engines_answer_the_same(worker, thin, method, target):
    target = target.replace("ü", "%C3%BC")
    replies = []
    for host in (worker, thin):
        reply = host.ask(method, target, headers=[("X-Forwarded-For", "here")])
        body = reply.body.replace(str(host.port).encode(), b"PORT").decode()
        seen = json.loads(body) if body.startswith("{") and len(body) > 2 else body
        if isinstance(seen, dict):
            seen["headers"].pop("x-forwarded-for")
        lasting = [pair for pair in reply.headers if pair[0] not in ("date", "content-length")]
        replies.append((reply.status, lasting, seen))
    assert replies[0] == replies[1]


@pytest.mark.parametrize("engine", ["worker", "thin"])
def test_a_timer_runs_on_its_schedule_and_at_once_when_the_admin_route_is_asked(engine, start_host, until, tmp_path):
    notes = tmp_path / "notes"
    host = start_host(engine, TIMER_NOTES=str(notes))
    assert host.ask("POST", "/admin/functions/NEVER").status == 202
    assert host.ask("POST", "/admin/functions/string").status == 400
    assert host.ask("POST", "/admin/functions/nothing").status == 404
    lines = until(lambda: notes.exists() and notes.read_text().count("tick") >= 2 and notes.read_text())
    assert '{"timer": "never", "past_due": false}' in lines
    assert json.loads(host.ask("GET", "/admin/host/status").body)["state"] == "Running"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_is_answered_when_the_host_is_told_to_end(number, start_host):
    host = start_host("thin")
    replies = []
    caller = threading.Thread(target=lambda: replies.append(host.ask("GET", "/slow/1.0")))
    caller.start()
    time.sleep(0.3)
    started = time.monotonic()
    assert host.end(number) == 0
    caller.join()
    assert replies[0].body == b"done"
    assert time.monotonic() - started < 3


def test_a_port_in_use_is_named_in_one_line(project):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [
            sys.executable,
            "-m",
            "local",
            "host",
            "--port",
            port,
            "--app",
            str(project / "tests/local/fixture_app"),
        ]
        ended = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=20)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"local: port {port} on 127.0.0.1 cannot be used")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("engine", ["worker", "thin"])
def test_a_broken_app_is_told_without_starting(engine, project, tmp_path):
    if engine == "worker":
        pytest.importorskip("azure_functions_runtime", reason="the worker library needs Python 3.13")
    (tmp_path / "function_app.py").write_text("import nothing_of_that_name\n")
    command = [sys.executable, "-m", "local", "host", "--port", "0", "--engine", engine, "--app", str(tmp_path)]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=20)
    assert ended.returncode == 1
    assert "nothing_of_that_name" in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can bind loopback alone and tell")
def test_the_host_listens_on_loopback_only(thin):
    with socket.socket() as elsewhere:
        # Another address of this machine would be free if the host had taken loopback only.
        elsewhere.bind(("127.0.0.2", thin.port))
