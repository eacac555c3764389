"""Logging in, staying in, and being thrown out."""

import httpx


async def test_password_log_in_for_local_accounts(start):
    desk = await start(logged_in=False)
    for form in ({}, {"domain": ""}, {"domain": "local"}):
        answer = await desk.log_in(**form)
        assert answer.status_code == 200
        assert answer.json()["token_type"] == "bearer"
        assert answer.json()["expires_in"] == 1200
    assert "refresh_token" not in answer.json()


async def test_domain_and_backslash_name_a_directory_user(start):
    desk = await start(logged_in=False)
    name = next(u.user_name for u in desk.vault.users.values() if u.domain_id == 1)
    assert (await desk.log_in(username=f"CORP\\{name}", password="Seeded-user-1")).status_code == 200
    assert (await desk.log_in(username=name, password="Seeded-user-1", domain="corp.example")).status_code == 200
    assert (await desk.log_in(username=name, password="Seeded-user-1")).status_code == 400


async def test_wrong_password_is_400_in_three_dialects_and_then_a_lock(start):
    desk = await start(logged_in=False, switches={"lockout_after": 3})
    assert (await desk.log_in(password="no")).json() == {"error": "Login failed."}
    await desk.sim("PUT", "/switches", {"token_error": "message"})
    assert "message" in (await desk.log_in(password="no")).json()
    await desk.sim("PUT", "/switches", {"token_error": "html"})
    answer = await desk.log_in(password="no")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "access_token" not in (await desk.log_in()).text
    state = await desk.sim("GET", "/state")
    assert state["logins"]["svc-scim"] == {"requests": 4, "failures": 4}


async def test_no_token_or_an_expired_one_is_401(start):
    desk = await start(token_seconds=0)
    assert (await desk.call("GET", "/v1/users/current")).status_code == 401
    desk.vault.token_seconds = 60
    await desk.log_in()
    assert (await desk.call("GET", "/v1/users/current")).status_code == 200
    await desk.sim("POST", "/act", {"do": "expire_tokens"})
    assert (await desk.call("GET", "/v1/users/current")).status_code == 401


async def test_logging_out_ends_the_session(desk):
    assert await desk.ok("POST", "/v1/oauth-expiration") is True
    assert (await desk.call("GET", "/v1/users/current")).status_code == 401


async def test_refresh_is_off_by_default_and_single_use(start):
    desk = await start(switches={"refresh_tokens": True, "refresh_limit": 2})
    first = (await desk.log_in()).json()["refresh_token"]

    async def again(token: str) -> httpx.Response:
        return await desk.http.post("/oauth2/token", data={"grant_type": "refresh_token", "refresh_token": token})

    second = (await again(first)).json()["refresh_token"]
    assert (await again(first)).status_code == 400
    assert "refresh_token" not in (await again(second)).json()


async def test_sdk_client_needs_its_prefix(start):
    desk = await start(logged_in=False)
    form = {"grant_type": "client_credentials", "client_secret": "simulator-only"}
    assert (await desk.http.post("/oauth2/token", data={**form, "client_id": "sdk-client-1"})).status_code == 200
    assert (await desk.http.post("/oauth2/token", data={**form, "client_id": "client-1"})).status_code == 400


async def test_platform_service_user_finds_its_vault(start):
    desk = await start(logged_in=False, base="/SecretServer")
    form = {
        "grant_type": "client_credentials",
        "scope": "xpmheadless",
        "client_id": "svc-scim",
        "client_secret": "simulator-only",
    }
    answer = await desk.http.post("http://vault/identity/api/oauth2/token/xpmplatform", data=form)
    headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
    found = await desk.http.get("/vaultbroker/api/vaults", headers=headers)
    assert found.json()["vaults"][0]["connection"]["url"] == "http://vault/SecretServer"


async def test_health_and_version_have_two_shapes(desk):
    assert (await desk.ok("GET", "/v1/healthcheck"))["healthy"] is True
    assert (await desk.http.get("/health")).json() == {"healthy": True}
    assert "version" in (await desk.ok("GET", "/v1/version"))["model"]
    await desk.sim("PUT", "/switches", {"version_shape": "plain"})
    assert "version" in await desk.ok("GET", "/v1/version")


async def test_a_permission_that_is_missing_is_403_and_searches_just_omit(start):
    desk = await start(permissions=("View Roles",))
    refusal = await desk.call("POST", "/v1/users", {})
    assert (refusal.status_code, refusal.json()["errorCode"]) == (403, "API_AccessDenied")
    assert (await desk.ok("GET", "/v1/users"))["total"] == 0
    assert (await desk.ok("GET", "/v1/users/current"))["permissions"] == [{"name": "View Roles"}]
    await desk.sim("PUT", "/switches", {"denied_status": 400})
    assert (await desk.call("GET", "/v1/users/3")).status_code == 400


async def test_a_disabled_account_is_thrown_out(desk):
    await desk.sim("POST", "/act", {"do": "disable_user", "userId": desk.vault.account_id})
    assert (await desk.call("GET", "/v1/users/current")).status_code == 401
