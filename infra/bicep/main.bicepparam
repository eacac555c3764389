// Values of one environment, read from azd's environment (`azd env set NAME value`) or from the shell.
// Lists are comma-separated. azd takes this file and leaves main.parameters.json alone when both are there.
using './main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'scim')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param existingResourceGroup = readEnvironmentVariable('SCIM_RESOURCE_GROUP', '')

// split('') gives one empty string, which no rule may hold: the filter turns it into an empty list.
param vaultAddresses = filter(
  split(
    readEnvironmentVariable(
      'SCIM_VAULT_ADDRESSES',
      '45.60.38.37,45.60.40.37,45.60.32.37,45.60.34.37,45.60.36.37,45.60.104.36'
    ),
    ','
  ),
  address => !empty(address)
)
param onPremisesVaults = json(readEnvironmentVariable('SCIM_ON_PREMISES_VAULTS', '[]'))
param denyOtherOutbound = bool(readEnvironmentVariable('SCIM_DENY_OTHER_OUTBOUND', 'true'))
param addressPrefix = readEnvironmentVariable('SCIM_ADDRESS_PREFIX', '10.20.0.0/24')

param allowEntraProvisioning = bool(readEnvironmentVariable('SCIM_ALLOW_ENTRA', 'true'))
param oktaRanges = filter(split(readEnvironmentVariable('SCIM_OKTA_RANGES', ''), ','), cidr => !empty(cidr))
param sailPointRanges = filter(split(readEnvironmentVariable('SCIM_SAILPOINT_RANGES', ''), ','), cidr => !empty(cidr))
param ownRanges = filter(split(readEnvironmentVariable('SCIM_OWN_RANGES', ''), ','), cidr => !empty(cidr))
param denyUnlistedCallers = bool(readEnvironmentVariable('SCIM_DENY_UNLISTED_CALLERS', 'true'))
param deploymentRanges = filter(split(readEnvironmentVariable('SCIM_DEPLOYMENT_RANGES', ''), ','), cidr => !empty(cidr))
param denyUnlistedDeployers = bool(readEnvironmentVariable('SCIM_DENY_UNLISTED_DEPLOYERS', 'false'))

param instanceMemoryMB = int(readEnvironmentVariable('SCIM_INSTANCE_MEMORY_MB', '2048'))
param maximumInstanceCount = int(readEnvironmentVariable('SCIM_MAXIMUM_INSTANCES', '40'))
param perInstanceConcurrency = int(readEnvironmentVariable('SCIM_PER_INSTANCE_CONCURRENCY', '16'))
param alwaysReadyInstances = int(readEnvironmentVariable('SCIM_ALWAYS_READY', '0'))
param zoneRedundant = bool(readEnvironmentVariable('SCIM_ZONE_REDUNDANT', 'false'))
param publicUrl = readEnvironmentVariable('SCIM_PUBLIC_URL', '')
param consoleTenantId = readEnvironmentVariable('SCIM_CONSOLE_TENANT_ID', '')
param consoleClientId = readEnvironmentVariable('SCIM_CONSOLE_CLIENT_ID', '')

param customerManagedKey = bool(readEnvironmentVariable('SCIM_CUSTOMER_MANAGED_KEY', 'false'))
param recoverKeyVault = bool(readEnvironmentVariable('SCIM_RECOVER_KEY_VAULT', 'false'))

param logRetentionDays = int(readEnvironmentVariable('SCIM_LOG_RETENTION_DAYS', '90'))
param alertEmails = filter(split(readEnvironmentVariable('SCIM_ALERT_EMAILS', ''), ','), address => !empty(address))
param moreSettings = json(readEnvironmentVariable('SCIM_MORE_SETTINGS', '{}'))
param serveMetrics = bool(readEnvironmentVariable('SCIM_SERVE_METRICS', 'false'))
param telemetryEndpoint = readEnvironmentVariable('SCIM_TELEMETRY_ENDPOINT', '')
param telemetryWithHeaders = !empty(readEnvironmentVariable('SCIM_TELEMETRY_HEADERS', ''))
param alertWebhookUri = readEnvironmentVariable('SCIM_ALERT_WEBHOOK_URI', '')
