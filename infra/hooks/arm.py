# ruff: noqa: INP001 - scripts, run by path
"""Azure Resource Manager in three verbs, by the standard library alone: a hook runs before anything is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

PUBLIC_CLOUD = "https://management.azure.com"
DEPLOYMENTS = "2022-09-01"


class ArmError(Exception):
    """Resource Manager said no. The message holds its code and words, never a request body."""


class Arm:
    """One signed-in conversation with Resource Manager."""

    def __init__(self, token: str, endpoint: str = PUBLIC_CLOUD) -> None:
        self._token = token
        self._endpoint = endpoint.rstrip("/")

    def get(self, resource_id: str, version: str) -> dict[str, Any] | None:
        """The resource, or None when there is none. Any other answer than these two raises: unknown is not absent."""
        return self._send("GET", resource_id, version, None)

    def put(self, resource_id: str, version: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create or replace the resource."""
        return self._send("PUT", resource_id, version, body) or {}

    def deploy(
        self, group_id: str, name: str, template: object, values: Mapping[str, Any], *, wait: float = 2.0
    ) -> None:
        """Deploy an ARM template into a resource group and wait for its end."""
        deployment = f"{group_id}/providers/Microsoft.Resources/deployments/{name}"
        parameters = {key: {"value": value} for key, value in values.items()}
        body = {"properties": {"mode": "Incremental", "template": template, "parameters": parameters}}
        found = self.put(deployment, DEPLOYMENTS, body)
        for _ in range(150):
            state = found.get("properties", {}).get("provisioningState", "")
            if state == "Succeeded":
                return
            if state in ("Failed", "Canceled"):
                raise ArmError(f"deployment {name}: {state}: {found['properties'].get('error')}")
            time.sleep(wait)
            found = self.get(deployment, DEPLOYMENTS) or {}
        raise ArmError(f"deployment {name} did not end in time; the portal shows it under Deployments of the group")

    def _send(self, verb: str, resource_id: str, version: str, body: Mapping[str, Any] | None) -> dict[str, Any] | None:
        request = urllib.request.Request(  # noqa: S310 - the endpoint is ours, not a user's
            f"{self._endpoint}{resource_id}?api-version={version}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=verb,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            if verb == "GET" and error.code == 404:
                return None
            raise ArmError(f"{verb} {resource_id.rsplit('/', 2)[-2:]}: {error.code} {_words(error)}") from None
        except urllib.error.URLError as error:
            raise ArmError(f"{verb} {resource_id}: {error.reason}") from None


def sign_in() -> Arm:
    """The identity that azd, or else az, is signed in with. The token passes through a pipe, never an argument."""
    endpoint = os.environ.get("AZURE_RESOURCE_MANAGER_ENDPOINT", PUBLIC_CLOUD)
    if not endpoint.startswith("https://"):
        raise ArmError("AZURE_RESOURCE_MANAGER_ENDPOINT must begin with https://")
    asked = {
        "azd": (["auth", "token", "--scope", f"{endpoint}/.default", "--output", "json"], "token"),
        "az": (["account", "get-access-token", "--resource", endpoint, "--output", "json"], "accessToken"),
    }
    for tool, (arguments, field) in asked.items():
        path = shutil.which(tool)
        if path is None:
            continue
        done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode == 0:
            return Arm(json.loads(done.stdout)[field], endpoint)
    raise ArmError("neither azd nor az is signed in: run `azd auth login` or `az login` first")


def _words(error: urllib.error.HTTPError) -> str:
    try:
        said = json.loads(error.read()).get("error", {})
    except (ValueError, AttributeError, OSError):
        return str(error.reason)
    return f"{said.get('code', error.reason)}: {said.get('message', '')}"
