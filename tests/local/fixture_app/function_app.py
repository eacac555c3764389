"""A function app that tells what the host gave it. The tests compare both engines over it."""

import asyncio
import json
import os
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
ALL = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def told(name: str, req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "function": name,
        "method": req.method,
        "url": req.url,
        "params": dict(req.params),
        "route": dict(req.route_params),
        "headers": dict(req.headers),
        "body": req.get_body().decode("utf-8", "replace"),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/scim+json")


@app.function_name("m_users")
@app.route("scim/v2/Users/{id?}", methods=ALL)
async def users(req: func.HttpRequest) -> func.HttpResponse:
    return told("m_users", req)


@app.function_name("a_search")
@app.route("scim/v2/Users/.search", methods=["POST"])
async def search(req: func.HttpRequest) -> func.HttpResponse:
    return told("a_search", req)


@app.function_name("n_hidden")
@app.route("scim/v2/Users/Me", methods=ALL)
async def hidden(req: func.HttpRequest) -> func.HttpResponse:
    return told("n_hidden", req)


@app.function_name("c_number")
@app.route("things/{id:int}", methods=["GET"])
async def number(req: func.HttpRequest) -> func.HttpResponse:
    return told("c_number", req)


@app.function_name("d_rest")
@app.route("things/{*path}", methods=["GET"])
def rest(req: func.HttpRequest) -> func.HttpResponse:
    return told("d_rest", req)


@app.function_name("answers")
@app.route("answers/{kind}", methods=["GET", "HEAD"])
async def answers(req: func.HttpRequest) -> func.HttpResponse:
    kind = req.route_params["kind"]
    if kind == "raise":
        raise RuntimeError("on purpose")
    if kind == "nothing":
        return None
    if kind == "empty":
        return func.HttpResponse(status_code=204)
    if kind == "text":
        return func.HttpResponse("plain")
    if kind == "twice":
        answer = func.HttpResponse("{}", mimetype="application/json", headers={"X-Twice": "1"})
        answer.headers.add("x-twice", "2")
        answer.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly; Secure; SameSite=Lax")
        answer.headers.add("Set-Cookie", "b=2; Max-Age=60; SameSite=Strict")
        answer.headers.add("Set-Cookie", 'c="; "; Expires=Wed, 21 Oct 2026 07:28:00 GMT; SameSite=None')
        return answer
    return func.HttpResponse(
        kind, status_code=201, headers={"Location": "http://x/1"}, mimetype="application/scim+json"
    )


@app.function_name("string")
@app.route("string", methods=["GET"])
def string(req: func.HttpRequest) -> str:
    return "just text"


@app.function_name("slow")
@app.route("slow/{seconds}", methods=["GET"])
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    await asyncio.sleep(float(req.route_params["seconds"]))
    return func.HttpResponse("done")


@app.function_name("context")
@app.route("context", methods=["GET"])
async def context(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse(context.function_name)


@app.function_name("tick")
@app.timer_trigger(arg_name="timer", schedule="* * * * * *", run_on_startup=False)
async def tick(timer: func.TimerRequest) -> None:
    note("tick", timer)


@app.function_name("never")
@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=False)
def never(timer: func.TimerRequest) -> None:
    note("never", timer)


def note(name: str, timer: func.TimerRequest) -> None:
    place = os.environ.get("TIMER_NOTES")
    if place:
        with Path(place).open("a", encoding="utf-8") as notes:
            notes.write(json.dumps({"timer": name, "past_due": timer.past_due}) + "\n")
