"""azure.yaml, the container files and the CI example fit the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTAINER = ROOT / "infra" / "container"


def _yaml(path: Path) -> dict:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return yaml.safe_load(path.read_text("utf-8"))


def test_azd_is_pointed_at_files_that_exist():
    azd = _yaml(ROOT / "azure.yaml")
    assert (ROOT / azd["infra"]["path"] / f"{azd['infra']['module']}.bicep").is_file()
    assert azd["services"] == {"api": {"project": ".", "language": "python", "host": "function"}}
    for hook in azd["hooks"].values():
        for system in ("posix", "windows"):
            script = re.search(r"python3? (\S+)", hook[system]["run"]).group(1)
            assert (ROOT / script).is_file()


def test_azd_up_deploys_the_package_that_the_hook_builds():
    azd = _yaml(ROOT / "azure.yaml")
    built = re.search(r"--output (\S+)", azd["hooks"]["predeploy"]["posix"]["run"]).group(1)
    steps = [step["azd"] for step in azd["workflows"]["up"]["steps"]]
    assert steps == ["provision", f"deploy api --from-package {built}"]


def test_compose_runs_two_replicas_behind_the_only_door():
    services = _yaml(CONTAINER / "compose.yaml")["services"]
    assert [name for name, one in services.items() if "ports" in one] == ["proxy"]
    replicas = [one for name, one in services.items() if name.startswith("connector-")]
    assert len(replicas) == 2
    assert replicas[0] == replicas[1]
    upstream = (CONTAINER / "nginx.conf").read_text("utf-8")
    assert re.findall(r"server (connector-\d):80", upstream) == ["connector-1", "connector-2"]


def test_the_container_is_told_only_settings_that_exist():
    settings = pytest.importorskip("scim.settings").Settings.model_fields
    names = set(_yaml(CONTAINER / "compose.yaml")["services"]["connector-1"]["environment"])
    assert {name for name in names if name.startswith("SCIM_")} <= {f"SCIM_{field.upper()}" for field in settings}


def test_every_variable_of_compose_is_in_the_example():
    text = (CONTAINER / "compose.yaml").read_text("utf-8")
    example = (CONTAINER / ".env.example").read_text("utf-8")
    declared = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    assert set(re.findall(r"\$\{([A-Z_]+)", text)) == declared
    assert re.findall(r"^(?:SCIM_PEPPER|SCIM_DATA_KEY|STORAGE_KEY)=.+$", example, re.MULTILINE) == []


def test_the_image_is_built_from_a_list_of_what_goes_in():
    rules = (CONTAINER / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert next(rule for rule in rules if rule and not rule.startswith("#")) == "*"
    dockerfile = (CONTAINER / "Dockerfile").read_text("utf-8")
    assert "mcr.microsoft.com/azure-functions/python:4-python3.13" in dockerfile
    assert "infra/package.py" in dockerfile


def test_the_proxy_gives_every_request_a_length_and_keeps_tls_12():
    text = (CONTAINER / "nginx.conf").read_text("utf-8")
    assert "proxy_request_buffering on;" in text
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in text
    assert text.count("{") == text.count("}")


def test_the_ci_example_lies_outside_github_and_compiles_the_template():
    text = (ROOT / "infra" / "ci" / "github-actions.yml").read_text("utf-8")
    assert "az bicep build --file infra/bicep/main.bicep" in text
    assert "az bicep lint" in text
    assert "secrets." not in text


def test_every_parameter_is_in_the_deployment_page():
    template = (ROOT / "infra" / "bicep" / "main.bicep").read_text("utf-8")
    page = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    for name in re.findall(r"^param (\w+)", template, re.MULTILINE):
        assert f"`{name}`" in page, name
    for name in re.findall(r"'(SCIM_\w+)'", (ROOT / "infra" / "bicep" / "main.bicepparam").read_text("utf-8")):
        assert f"`{name}`" in page, name


def test_the_pages_say_that_nothing_was_deployed():
    page = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    assert "never been deployed" in page
    assert "not been compiled" in page


def test_json_files_are_json():
    for path in (ROOT / "infra").rglob("*.json"):
        json.loads(path.read_text("utf-8"))
