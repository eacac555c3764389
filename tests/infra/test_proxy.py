"""The proxy example, read and run by a real nginx on loopback, in front of two replicas on the same tables."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.certificate import throw_away
from tests.clients.replay import Replay, load
from tests.clients.test_dialogs import NAMES, client
from tests.conftest import KEYS, ROOT, Stack, start_stack, stop_stack
from tests.served import App
from tests.upgrade.releases import environment_of

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,
    pytest.mark.xdist_group("proxy"),
    pytest.mark.skipif(NGINX is None, reason="no nginx here: apt-get install nginx-light"),
]
EXAMPLE = ROOT / "infra" / "container" / "nginx.conf"


def adapted(place: Path, listen: int, *replicas: int) -> str:
    """The example with the addresses of this machine; whatever else is in it stays."""
    text = EXAMPLE.read_text("utf-8")
    changes = {
        "pid /tmp/nginx.pid;": f"pid {place}/nginx.pid; error_log {place}/error.log; daemon off;",
        "listen 8443 ssl;": f"listen 127.0.0.1:{listen} ssl;",
        "/etc/nginx/certs/": f"{place}/",
        "access_log /dev/stdout lean;": f"access_log {place}/access.log lean; {temporary(place)}",
        **{f"server connector-{n}:80": f"server 127.0.0.1:{port}" for n, port in enumerate(replicas, 1)},
    }
    if version() < (1, 25, 1):  # where the word was a part of `listen`
        changes |= {"http2 on;": "", "listen 8443 ssl;": f"listen 127.0.0.1:{listen} ssl http2;"}
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def temporary(place: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {place}/{kind};" for kind in kinds)


def version() -> tuple[int, ...]:
    said = subprocess.run([NGINX, "-v"], capture_output=True, text=True, check=True).stderr
    return tuple(int(part) for part in re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said).groups())


@dataclass
class Site:
    stack: Stack
    url: str
    replica: App  # the second one; the first is the stack's own
    process: subprocess.Popen[bytes]
    trusted: ssl.SSLContext
    access: Path

    def client(self, **options) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.stack.token}", "Content-Type": "application/scim+json"}
        return httpx.Client(base_url=f"{self.url}/scim/v2", headers=headers, timeout=60, trust_env=False,
                            verify=self.trusted, **options)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("proxy")
    certificate, _ = throw_away(place)
    fresh = {"SCIM_MEMBERSHIPS_SECONDS": "0"}  # each replica keeps memberships of its own
    stack, process = start_stack(place, "--users", "60", "--groups", "8", "--folders", "30", "--secrets", "60",
                                 **KEYS, **fresh)  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = probe.getsockname()[1]
    try:
        replica = App(ROOT, environment_of(stack))
        with replica.served(place / "replica.log") as second:
            configuration = place / "nginx.conf"
            configuration.write_text(adapted(place, listen, httpx.URL(stack.scim).port or 0, replica.port))
            command = [NGINX, "-p", str(place), "-c", str(configuration), "-e", str(place / "error.log")]
            tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
            assert tested.returncode == 0, tested.stderr
            assert "[warn]" not in re.sub(r'.*"user" directive.*', "", tested.stderr), tested.stderr
            proxy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                wait_for(listen, proxy)
                trusted = ssl.create_default_context(cafile=str(certificate))
                yield Site(stack, f"https://127.0.0.1:{listen}", replica, second, trusted, place / "access.log")
            finally:
                proxy.terminate()
                proxy.wait(10)
    finally:
        stop_stack(process)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 10
    while True:
        assert process.poll() is None, "nginx ended"
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < until, "nginx does not listen"
            time.sleep(0.05)


def user(name: str) -> dict:
    return {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name}


@pytest.mark.parametrize(
    ("wanted", "opens"), [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)]
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_tls_12_and_13_and_nothing_older(site: Site, wanted: ssl.TLSVersion, opens: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = context.maximum_version = wanted
    try:
        answer = httpx.get(f"{site.url}/health", verify=context, trust_env=False)
    except httpx.ConnectError:
        assert not opens
    else:
        assert opens
        assert 200 == answer.status_code
        assert "max-age" in answer.headers["strict-transport-security"]


def test_a_chunked_body_arrives(site: Site) -> None:
    """The Functions host drops a body without Content-Length: directly it is 411, through the proxy it is a user."""
    name = f"chunked.{secrets.token_hex(3)}"

    def pieces() -> Iterator[bytes]:
        text = json.dumps(user(name)).encode()
        yield text[:10]
        yield text[10:]

    assert 411 == site.stack.client.post("/Users", content=pieces()).status_code
    with site.client() as http:
        answer = http.post("/Users", content=pieces())
    assert 201 == answer.status_code, answer.text
    assert name == site.stack.vault_user(answer.json()["id"])["userName"]


def test_the_hosts_own_routes_are_not_outside(site: Site) -> None:
    with site.client() as http:
        for path in ("/admin/host/status", "/admin/functions", "/runtime/webhooks/x", "/scim/../admin/host/status"):
            assert 404 == http.get(f"{site.url}{path}").status_code
    assert 200 == httpx.get(f"{site.replica.url}/admin/host/status", trust_env=False).status_code


def test_the_proxys_log_names_nobody(site: Site) -> None:
    with site.client() as http:
        http.get("/Users", params={"filter": 'userName eq "canary.person"'})
    assert "canary" not in site.access.read_text()
    assert "GET 200" in site.access.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_client_goes_through_the_proxy_as_without(site: Site, name: str) -> None:
    dialog, run = load(name), secrets.token_hex(3)
    with client(site.stack, dialog, run) as direct:
        base = str(direct.base_url).rstrip("/")
        through = base.replace(base.split("/scim")[0], site.url)
        with httpx.Client(base_url=through, headers=direct.headers, auth=direct.auth, timeout=60, trust_env=False,
                          verify=site.trusted) as http:  # fmt: skip
            replay = Replay(http, site.stack, run)
            replay.known["base"] = base  # locations have the public address, whatever the Host header says
            for step in dialog["steps"]:
                replay.step(step)


def test_a_replica_that_dies_is_not_missed_and_no_post_is_sent_twice(site: Site) -> None:
    """Killed while it holds a creation: that one is told as lost, the vault saw it once, all others are answered."""
    site.stack.faults({"match": "^POST /api/v1/users", "do": "slow", "ms": 1500, "times": 100})
    names = [f"killed.{secrets.token_hex(3)}" for _ in range(8)]
    statuses: dict[str, int] = {}
    def create(name: str) -> None:
        with site.client() as http:
            statuses[name] = http.post("/Users", json=user(name)).status_code

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(create, name) for name in names]
        time.sleep(0.7)
        site.process.kill()
        [one.result(60) for one in waiting]
    site.stack.faults()
    assert {201, 502} == set(statuses.values()), statuses
    state = site.stack.state()["users"]
    assert max(sum(u["userName"] == name for u in state) for name in names) == 1
    with site.client() as http:
        assert {200} == {http.get("/Users", params={"count": 1}).status_code for _ in range(30)}
        for name in (name for name, status in statuses.items() if status == 502):
            assert http.post("/Users", json=user(name)).status_code in (201, 503)
    assert max(sum(u["userName"] == name for u in site.stack.state()["users"]) for name in names) == 1
