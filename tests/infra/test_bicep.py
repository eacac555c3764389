"""The templates hold together and keep their promises. None of it replaces the Bicep CLI, which needs the network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .bicep import BicepFile, read

ROOT = Path(__file__).resolve().parents[2]
BICEP = ROOT / "infra" / "bicep"
PATHS = [BICEP / "main.bicep", *sorted((BICEP / "modules").glob("*.bicep"))]
FILES = {path.name: read(path) for path in PATHS}
TEXT = {name: file.text for name, file in FILES.items()}

WAF = ["45.60.38.37", "45.60.40.37", "45.60.32.37", "45.60.34.37", "45.60.36.37", "45.60.104.36"]
ROLES = {
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "keyVaultSecretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
VERSIONS = {
    "Microsoft.Web": "2025-03-01",
    "Microsoft.Storage": "2025-06-01",
    "Microsoft.Network": "2025-05-01",
    "Microsoft.Network/privateDnsZones": "2024-06-01",
    "Microsoft.KeyVault": "2024-11-01",
    "Microsoft.ManagedIdentity": "2024-11-30",
    "Microsoft.Authorization": "2022-04-01",
    "Microsoft.OperationalInsights": "2025-07-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/metricAlerts": "2018-03-01",
    "Microsoft.Insights/scheduledQueryRules": "2023-12-01",
    "Microsoft.Insights/webtests": "2022-06-15",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
}
# What has no diagnostics of its own, and why: anything that is not here must have a diagnosticSettings beside it.
WITHOUT_DIAGNOSTICS = {
    "Microsoft.Insights/diagnosticSettings": "is one",
    "Microsoft.Insights/actionGroups": "its calls are in the activity log",
    "Microsoft.Insights/metricAlerts": "its firings are in the activity log",
    "Microsoft.Insights/scheduledQueryRules": "its firings are in the activity log",
    "Microsoft.Insights/webtests": "its results are rows of the component",
    "Microsoft.Authorization/roleAssignments": "is a line of the activity log",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "its sign-ins are Entra's logs",
    "Microsoft.Network/privateEndpoints": "has metrics on its network interface only",
    "Microsoft.Network/privateDnsZones": "has metrics only, none of which tells anything here",
    "Microsoft.KeyVault/vaults/keys": "the vault logs it",
    "Microsoft.Storage/storageAccounts/tableServices/tables": "the table service logs it",
    "Microsoft.Web/sites/config": "the app logs it",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": "the app logs it",
}


def _checker() -> tuple[Path, Path] | None:
    folder = Path(os.environ.get("SCIM_BICEP_CHECK") or ROOT.parent / "shared" / "tools" / "bicep")
    tool, schemas = folder / "bicepcheck.py", folder / "schemas.json"
    return (tool, schemas) if tool.is_file() and schemas.is_file() else None


def test_every_resource_body_fits_microsofts_types():
    """Properties, enums and API versions, checked offline where the tool is (SCIM_BICEP_CHECK names its folder)."""
    found = _checker()
    if found is None:
        pytest.skip("no offline Bicep type check here: set SCIM_BICEP_CHECK to the folder of bicepcheck.py")
    pytest.importorskip("tree_sitter_bicep", reason="pip install tree-sitter tree-sitter-bicep for the type check")
    done = subprocess.run(
        [sys.executable, *map(str, found), *map(str, PATHS)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 problems" in done.stdout


def test_files_parse():
    """Brackets balance outside of strings and comments, and the grammar agrees where it is installed."""
    for name, text in TEXT.items():
        bare = re.sub(r"'(?:\\.|[^'\\\n])*'", "''", text)
        for opening, closing in ("{}", "[]", "()"):
            assert bare.count(opening) == bare.count(closing), f"{name}: {opening}{closing}"
        assert "'" not in bare.replace("''", ""), f"{name}: a quote is left open"
    try:
        import tree_sitter
        import tree_sitter_bicep
    except ImportError:
        return
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))
    assert [path.name for path in PATHS if parser.parse(path.read_bytes()).root_node.has_error] == []


def _calls() -> list[tuple[BicepFile, str, object]]:
    return [(file, call.target, call) for file in FILES.values() for call in file.of("module")]


def test_every_module_call_fits_its_module():
    """The file is there, every parameter given exists, and every parameter without a default is given."""
    for file, target, call in _calls():
        path = (file.path.parent / target).resolve()
        assert path.is_file(), f"{file.path.name}: {target} is missing"
        given = set(call.keys(of="params"))
        if path.suffix == ".json":
            assert set(json.loads(path.read_text("utf-8")).get("parameters", {})) == given
            continue
        parameters = {one.name: "=" in one.text for one in read(path).of("param")}
        assert given <= set(parameters), f"{target}: no parameter {given - set(parameters)}"
        needed = {name for name, optional in parameters.items() if not optional}
        assert needed <= given, f"{target}: needs {needed - given}"


def test_every_module_is_called():
    called = {(file.path.parent / target).resolve() for file, target, _ in _calls()}
    assert set((BICEP / "modules").iterdir()) == called


def test_module_outputs_that_are_read_exist():
    for file in FILES.values():
        for call in file.of("module"):
            path = (file.path.parent / call.target).resolve()
            outputs = {one.name for one in read(path).of("output")} if path.suffix == ".bicep" else set()
            read_here = set(re.findall(rf"\b{call.name}\.outputs\.(\w+)", file.text))
            assert read_here <= outputs, f"{file.path.name}: {call.name} has no {read_here - outputs}"


def test_every_param_and_var_is_used():
    for file in FILES.values():
        for one in [*file.of("param"), *file.of("var")]:
            assert re.search(rf"\b{one.name}\b", file.without(one)), f"{file.path.name}: {one.name} is never used"


def test_every_param_and_output_is_described():
    for file in FILES.values():
        for one in [*file.of("param"), *file.of("output")]:
            assert "@description('" in one.decorators, f"{file.path.name}: {one.name}"


def test_parameters_that_carry_a_key_are_secure():
    """By their names, and by the list of those that are known to: a rename cannot slip through both."""
    telling = re.compile(r"secret|password|apikey|credential|webhook|connectionstring|token$", re.IGNORECASE)
    seen = []
    for file in FILES.values():
        for one in file.of("param"):
            # "token" is the suffix of resource names here, as in most azd templates.
            if telling.search(one.name) and one.name != "token":
                assert "@secure()" in one.decorators, f"{file.path.name}: {one.name}"
                seen.append((file.path.name, one.name))
    assert seen == [("main.bicep", "alertWebhookUri"), ("alerts.bicep", "webhookUri")]


def test_outputs_hold_no_secret():
    """Outputs stay in the deployment's history, readable by every reader of the group."""
    for file in FILES.values():
        secure = [one.name for one in file.of("param") if "@secure()" in one.decorators]
        for one in file.of("output"):
            for word in [*secure, "listKeys", "listAccountSas", "ConnectionString", "InstrumentationKey", "getSecret"]:
                assert word.lower() not in one.text.lower(), f"{file.path.name}: {one.name} holds {word}"
    assert "listKeys(" not in "".join(TEXT.values())


def test_azd_finds_what_it_needs():
    names = {one.name for one in FILES["main.bicep"].of("output")}
    assert {"AZURE_LOCATION", "AZURE_TENANT_ID", "AZURE_RESOURCE_GROUP", "SERVICE_API_NAME"} <= names
    assert {"SCIM_URL", "OUTBOUND_IP", "CONSOLE_URL", "AZURE_KEY_VAULT_ID", "AZURE_WORKSPACE_ID"} <= names
    assert "targetScope = 'subscription'" in TEXT["main.bicep"]
    assert "'azd-env-name': environmentName" in TEXT["main.bicep"]
    assert "'azd-service-name': 'api'" in TEXT["functionapp.bicep"]


def test_the_addresses_of_secret_server_cloud():
    declared = next(one for one in FILES["main.bicep"].of("param") if one.name == "vaultAddresses")
    assert re.findall(r"\d+\.\d+\.\d+\.\d+", declared.text) == WAF
    given = re.search(r"'SCIM_VAULT_ADDRESSES',\s*'([^']+)'", (BICEP / "main.bicepparam").read_text("utf-8"))
    assert given.group(1).split(",") == WAF


def test_role_ids():
    """The connector's roles are these four, each on one resource; no other module assigns it any."""
    declared = dict(re.findall(r"^var (\w+) = '([0-9a-f-]{36})'", TEXT["roles.bicep"], re.MULTILINE))
    assert declared == ROLES
    assert len(ROLES) == len(re.findall(r"'Microsoft.Authorization/roleAssignments@", TEXT["roles.bicep"]))
    assert "scope: resourceGroup" not in TEXT["roles.bicep"]
    others = {name for name, text in TEXT.items() if "roleAssignments@" in text} - {"roles.bicep"}
    assert {"customer-key.bicep"} == others
    assert "e147488a-f6f5-4113-8e2d-b22465e65bf6" in TEXT["customer-key.bicep"]


def test_api_versions():
    seen = {pair for file in FILES.values() for pair in file.types}
    assert len(seen) > 20
    for kind, version in seen:
        family = max((name for name in VERSIONS if kind == name or kind.startswith(name + "/")), key=len)
        assert VERSIONS[family] == version, kind


def test_everything_that_can_report_does():
    for file in FILES.values():
        reported = {
            re.search(r"^  scope: (\w+)$", one.text, re.MULTILINE).group(1)
            for one in file.of("resource")
            if one.target.startswith("Microsoft.Insights/diagnosticSettings@")
        }
        for one in file.of("resource"):
            if not one.existing and one.target.split("@")[0] not in WITHOUT_DIAGNOSTICS:
                assert one.name in reported, f"{file.path.name}: {one.name} has no diagnostics"


@pytest.mark.parametrize(
    ("file", "promise"),
    [
        ("storage.bicep", "allowSharedKeyAccess: false"),
        ("storage.bicep", "allowBlobPublicAccess: false"),
        ("storage.bicep", "publicNetworkAccess: 'Disabled'"),
        ("storage.bicep", "minimumTlsVersion: 'TLS1_2'"),
        ("keyvault.bicep", "enablePurgeProtection: true"),
        ("keyvault.bicep", "enableRbacAuthorization: true"),
        ("keyvault.bicep", "publicNetworkAccess: 'Disabled'"),
        ("functionapp.bicep", "minTlsVersion: '1.2'"),
        ("functionapp.bicep", "scmMinTlsVersion: '1.2'"),
        ("functionapp.bicep", "ftpsState: 'Disabled'"),
        ("functionapp.bicep", "httpsOnly: true"),
        ("monitoring.bicep", "DisableLocalAuth: true"),
        ("monitoring.bicep", "disableLocalAuth: true"),
        ("network.bicep", "serviceName: 'Microsoft.App/environments'"),
        ("network.bicep", "publicIPAllocationMethod: 'Static'"),
        ("main.bicep", "param denyOtherOutbound bool = true"),
        ("main.bicep", "param denyUnlistedCallers bool = true"),
    ],
)
def test_hardening(file: str, promise: str):
    assert promise in TEXT[file]


def test_no_basic_publishing_credentials():
    policies = [one for one in FILES["functionapp.bicep"].of("resource") if "PublishingCredentials" in one.target]
    assert {"scm", "ftp"} == {re.search(r"name: '(\w+)'", one.text).group(1) for one in policies}
    assert all("allow: false" in one.text for one in policies)


def test_app_settings_are_those_the_app_reads():
    """Every SCIM_ name is a field of the settings model, and none of the names that Flex Consumption refuses is set."""
    block = next(one for one in FILES["functionapp.bicep"].of("resource") if one.name == "settings")
    names = set(re.findall(r"^ {4}(\w+): ", block.text, re.MULTILINE))
    needed = {
        *("SCIM_TABLES_ENDPOINT", "SCIM_KEY_VAULT_URI", "SCIM_IDENTITY_CLIENT_ID", "SCIM_PUBLIC_URL"),
        *("SCIM_CONSOLE_TENANT_ID", "SCIM_CONSOLE_CLIENT_ID", "AzureWebJobsDisableHomepage"),
        *("AzureWebJobsStorage__credential", "AzureWebJobsStorage__clientId", "AzureWebJobsStorage__blobServiceUri"),
        *("APPLICATIONINSIGHTS_CONNECTION_STRING", "APPLICATIONINSIGHTS_AUTHENTICATION_STRING"),
    }
    assert needed <= names
    refused = re.compile(r"FUNCTIONS_|WEBSITE_|SCM_DO_BUILD|ENABLE_ORYX|AzureWebJobsStorage$")
    assert [name for name in names if refused.match(name)] == []
    settings = pytest.importorskip("scim.settings").Settings.model_fields
    assert {name for name in names if name.startswith("SCIM_")} <= {f"SCIM_{field.upper()}" for field in settings}


def test_every_table_of_the_design_is_made():
    tables = re.search(r"var tableNames = \[(.*?)\]", TEXT["storage.bicep"], re.DOTALL).group(1)
    assert re.findall(r"'(\w+)'", tables) == [
        *("connections", "tokens", "vaults", "attributes", "externalids", "journal", "audit", "settings", "messages")
    ]


def test_both_parameter_files_name_parameters_of_the_template():
    declared = {one.name: "=" in one.text for one in FILES["main.bicep"].of("param")}
    text = (BICEP / "main.bicepparam").read_text("utf-8")
    assert "using './main.bicep'" in text
    in_bicepparam = dict(re.findall(r"^param (\w+) =(.*(?:\n(?!param|//|$).*)*)", text, re.MULTILINE))
    in_json = json.loads((BICEP / "main.parameters.json").read_text("utf-8"))["parameters"]
    assert set(in_bicepparam) <= set(declared)
    assert {name for name, optional in declared.items() if not optional} <= set(in_json) <= set(in_bicepparam)
    for name, given in in_json.items():
        variable = re.match(r"\$\{(\w+)", given["value"]).group(1)
        assert f"'{variable}'" in in_bicepparam[name], f"{name} reads another variable in main.bicepparam"


def test_arm_templates_are_consistent():
    """Plain ARM JSON for what the offline check has no schema of: parameters given, used and described."""
    templates = [*(ROOT / "infra" / "arm").glob("*.json"), *(BICEP / "modules").glob("*.json")]
    assert {"workbook.json", "budget.json", "resource-group.json"} == {path.name for path in templates}
    for path in templates:
        template = json.loads(path.read_text("utf-8"))
        body = json.dumps(template["resources"])
        assert template["$schema"].startswith("https://schema.management.azure.com/schemas/")
        declared = template.get("parameters", {})
        assert set(re.findall(r"parameters\('(\w+)'\)", body)) == set(declared), path.name
        assert all(one["metadata"]["description"] for one in declared.values())
