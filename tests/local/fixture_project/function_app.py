"""A stand-in for the connector: it knows one token and keeps users in a file of the stand-in simulator."""

import json
import os
import urllib.request
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
TOKEN = "Bearer ssc_fixture"


def answer(status: int, body: dict) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(body), status_code=status, mimetype="application/scim+json")


@app.function_name("config")
@app.route("scim/v2/ServiceProviderConfig", methods=["GET"])
async def config(req: func.HttpRequest) -> func.HttpResponse:
    if req.headers.get("authorization") != TOKEN:
        return answer(401, {})
    return answer(200, {"settings": sorted(name for name in os.environ if name.startswith("SCIM_"))})


@app.function_name("deep")
@app.route("health/deep", methods=["GET"])
async def deep(req: func.HttpRequest) -> func.HttpResponse:
    return answer(200 if req.headers.get("authorization") == TOKEN else 401, {})


@app.function_name("users")
@app.route("scim/v2/Users", methods=["POST"])
def users(req: func.HttpRequest) -> func.HttpResponse:
    vault = Path(os.environ["FIXTURE_VAULT_FILE"]).read_text()
    with urllib.request.urlopen(urllib.request.Request(f"{vault}/users", req.get_body(), method="POST")) as reply:
        return answer(201, json.load(reply))


@app.function_name("groups")
@app.route("scim/v2/Groups", methods=["POST"])
def groups(req: func.HttpRequest) -> func.HttpResponse:
    return answer(201, {"id": "1"})
