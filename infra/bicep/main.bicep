// The connector in one subscription-wide deployment: a resource group and everything in it.
// Outside this template, and why: infra/README.md. Never deployed from here nor compiled by the Bicep CLI: docs/deploy.md.
targetScope = 'subscription'

@description('Name of the azd environment. Names of resources and of the group follow from it.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Azure region. Must offer Flex Consumption, and zones if zoneRedundant is set.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Existing resource group to deploy into. Empty: the group rg-<environmentName> is created.')
param existingResourceGroup string = ''

@description('Tags put on every resource beside azd-env-name.')
param tags object = {}

// ---- network: the way out

@description('Address space of the virtual network, /24 or larger. Choose a free one before peering with other networks.')
param addressPrefix string = '10.20.0.0/24'

@description('IPv4 addresses of Secret Server Cloud (its web application firewall, all regions). Empty if only on-premises vaults are served.')
param vaultAddresses string[] = [
  '45.60.38.37'
  '45.60.40.37'
  '45.60.32.37'
  '45.60.34.37'
  '45.60.36.37'
  '45.60.104.36'
]

@description('Secret Servers on-premises, by address: [{ name: \'hq\', port: 443, addresses: [\'203.0.113.10\'] }].')
param onPremisesVaults array = []

@description('Service tags that the platform must reach over 443: sign-in and telemetry, and what Flex Consumption is built on.')
param platformServiceTags string[] = [
  'AzureActiveDirectory'
  'AzureMonitor'
  'MicrosoftContainerRegistry'
  'AzureFrontDoor.FirstParty'
]

@description('Deny every other outbound connection. If a first deployment stays unhealthy, try false before anything else.')
param denyOtherOutbound bool = true

@description('Existing private DNS zones of a hub network, keys blob, table and vault: resource ids. Empty: zones are created.')
param existingDnsZones object = {}

// ---- network: the way in

@description('Allow the service tag that Entra ID provisions from.')
param allowEntraProvisioning bool = true

@description('IPv4 or IPv6 ranges of your Okta cell, in CIDR form.')
param oktaRanges string[] = []

@description('Ranges of your SailPoint tenant or its virtual appliances, in CIDR form.')
param sailPointRanges string[] = []

@description('Further ranges, in CIDR form: other platforms, and the administrators who open the console.')
param ownRanges string[] = []

@description('Refuse every caller that no rule names, before any of our code runs.')
param denyUnlistedCallers bool = true

@description('Ranges that may publish the app, in CIDR form.')
param deploymentRanges string[] = []

@description('Refuse publishers that no range names. Publishing needs an Entra identity with a role in either case.')
param denyUnlistedDeployers bool = false

// ---- the app

@description('Python version of the worker.')
@allowed([
  '3.13'
  '3.14'
])
param pythonVersion string = '3.13'

@description('Memory of one instance in megabytes.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('Most on-demand instances. The platform treats it as a target, not as a hard limit.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('SCIM requests one instance serves at a time.')
@minValue(1)
@maxValue(1000)
param perInstanceConcurrency int = 16

@description('Instances kept warm, billed while idle. 0: the first request after a pause waits for a cold start.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 0

@description('Survive the loss of one availability zone. Cannot be changed later without a new outbound address.')
param zoneRedundant bool = false

@description('Name identity platforms call, https:// and no path: of a custom domain or a gateway in front. Empty: the name of the app.')
param publicUrl string = ''

@description('Entra tenant of the console. Empty: the tenant of the subscription.')
param consoleTenantId string = ''

@description('Client id of the Entra app registration of the console. Empty until it exists: the console then refuses sign-in.')
param consoleClientId string = ''

@description('More application settings of the connector, by name as README lists them. Nothing secret.')
param moreSettings object = {}

// ---- keys

@description('Encrypt storage with a key in your Key Vault. Decide at the first deployment.')
param customerManagedKey bool = false

@description('Recover the deleted Key Vault of this environment, with the pepper and the data key in it.')
param recoverKeyVault bool = false

// ---- watching

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Most gigabytes of logs a day; -1 for no limit. Reaching it also silences the alerts.')
param dailyLogQuotaGb int = -1

@description('E-mail addresses that alerts go to.')
param alertEmails string[] = []

@description('Webhook that alerts go to. Its address holds a key.')
@secure()
param alertWebhookUri string = ''

@description('Serve /metrics for Prometheus; the post-provision hook makes its bearer token, in Key Vault.')
param serveMetrics bool = false

@description('OTLP over HTTP, e.g. https://collector.example.com:4318: spans go there. Empty: OpenTelemetry is off.')
param telemetryEndpoint string = ''

@description('The collector asks for headers: the post-provision hook puts them into Key Vault.')
param telemetryWithHeaders bool = false

@description('Places that the availability test asks from.')
param probeLocations string[] = [
  'emea-nl-ams-azr'
  'emea-gb-db3-azr'
  'us-va-ash-azr'
  'us-ca-sjc-azr'
  'apac-sg-sin-azr'
]

var groupName = empty(existingResourceGroup) ? 'rg-${environmentName}' : existingResourceGroup
var token = uniqueString(subscription().id, environmentName, location)
var allTags = union(tags, { 'azd-env-name': environmentName })
var packageContainer = 'packages'
var storageKeyName = 'storage-encryption'
var storageKeyIdentityName = 'id-storage-key-${token}'

// The name of this nested deployment is the name of the group it creates: see the template's own note.
module group 'modules/resource-group.json' = if (empty(existingResourceGroup)) {
  name: 'rg-${environmentName}'
}

module identity 'modules/identity.bicep' = {
  name: 'identity-${token}'
  scope: resourceGroup(groupName)
  params: {
    location: location
    tags: allTags
    token: token
  }
  dependsOn: [
    group
  ]
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring-${token}'
  scope: resourceGroup(groupName)
  params: {
    location: location
    tags: allTags
    token: token
    retentionDays: logRetentionDays
    dailyQuotaGb: dailyLogQuotaGb
  }
  dependsOn: [
    group
  ]
}

module network 'modules/network.bicep' = {
  name: 'network-${token}'
  scope: resourceGroup(groupName)
  params: {
    location: location
    tags: allTags
    token: token
    addressPrefix: addressPrefix
    vaultAddresses: vaultAddresses
    onPremisesVaults: onPremisesVaults
    platformServiceTags: platformServiceTags
    denyOtherOutbound: denyOtherOutbound
    zoneRedundant: zoneRedundant
    workspaceId: monitoring.outputs.workspaceId
  }
}

module keyVault 'modules/keyvault.bicep' = {
  name: 'keyvault-${token}'
  scope: resourceGroup(groupName)
  params: {
    location: location
    tags: allTags
    token: token
    recover: recoverKeyVault
    endpointSubnetId: network.outputs.endpointSubnetId
    networkId: network.outputs.networkId
    existingZoneId: existingDnsZones.?vault ?? ''
    workspaceId: monitoring.outputs.workspaceId
  }
}

module customerKey 'modules/customer-key.bicep' = if (customerManagedKey) {
  name: 'customer-key-${token}'
  scope: resourceGroup(groupName)
  params: {
    location: location
    tags: allTags
    identityName: storageKeyIdentityName
    vaultName: keyVault.outputs.name
    keyName: storageKeyName
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage-${token}'
  scope: resourceGroup(groupName)
  params: {
    location: location
    tags: allTags
    token: token
    zoneRedundant: zoneRedundant
    packageContainer: packageContainer
    endpointSubnetId: network.outputs.endpointSubnetId
    networkId: network.outputs.networkId
    existingBlobZoneId: existingDnsZones.?blob ?? ''
    existingTableZoneId: existingDnsZones.?table ?? ''
    // Put together from its parts: the outputs of a module that may not have run cannot be read.
    customerKeyIdentityId: customerManagedKey
      ? resourceId(
          subscription().subscriptionId,
          groupName,
          'Microsoft.ManagedIdentity/userAssignedIdentities',
          storageKeyIdentityName
        )
      : ''
    customerKeyName: storageKeyName
    customerKeyVaultUri: keyVault.outputs.uri
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [
    customerKey
  ]
}

module roles 'modules/roles.bicep' = {
  name: 'roles-${token}'
  scope: resourceGroup(groupName)
  params: {
    principalId: identity.outputs.principalId
    storageName: storage.outputs.name
    vaultName: keyVault.outputs.name
    componentName: monitoring.outputs.componentName
  }
}

module accessRules 'modules/access-rules.bicep' = {
  name: 'access-rules-${token}'
  scope: resourceGroup(groupName)
  params: {
    allowEntraProvisioning: allowEntraProvisioning
    oktaRanges: oktaRanges
    sailPointRanges: sailPointRanges
    ownRanges: ownRanges
    deploymentRanges: deploymentRanges
  }
  dependsOn: [
    group
  ]
}

module functionApp 'modules/functionapp.bicep' = {
  name: 'functionapp-${token}'
  scope: resourceGroup(groupName)
  params: {
    location: location
    tags: allTags
    token: token
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    perInstanceConcurrency: perInstanceConcurrency
    alwaysReadyInstances: alwaysReadyInstances
    zoneRedundant: zoneRedundant
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    subnetId: network.outputs.appSubnetId
    blobEndpoint: storage.outputs.blobEndpoint
    tableEndpoint: storage.outputs.tableEndpoint
    packageContainer: packageContainer
    keyVaultUri: keyVault.outputs.uri
    componentName: monitoring.outputs.componentName
    publicUrl: publicUrl
    consoleTenantId: empty(consoleTenantId) ? tenant().tenantId : consoleTenantId
    consoleClientId: consoleClientId
    serveMetrics: serveMetrics
    telemetryEndpoint: telemetryEndpoint
    telemetryWithHeaders: telemetryWithHeaders
    moreSettings: moreSettings
    accessRules: accessRules.outputs.scim
    denyUnlistedCallers: denyUnlistedCallers
    deploymentRules: accessRules.outputs.deployment
    denyUnlistedDeployers: denyUnlistedDeployers
    workspaceId: monitoring.outputs.workspaceId
  }
  // The app starts as soon as it exists: its roles must be there before it.
  dependsOn: [
    roles
  ]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts-${token}'
  scope: resourceGroup(groupName)
  params: {
    location: location
    tags: allTags
    token: token
    workspaceId: monitoring.outputs.workspaceId
    componentId: monitoring.outputs.componentId
    hostName: functionApp.outputs.hostName
    emails: alertEmails
    webhookUri: alertWebhookUri
    probeLocations: probeLocations
  }
}

@description('Region of the deployment; azd keeps it.')
output AZURE_LOCATION string = location

@description('Tenant of the deployment; azd keeps it.')
output AZURE_TENANT_ID string = tenant().tenantId

@description('Group that azd deploy looks in.')
output AZURE_RESOURCE_GROUP string = groupName

@description('Name of the function app.')
output AZURE_FUNCTION_NAME string = functionApp.outputs.name

@description('Name azd knows the service by.')
output SERVICE_API_NAME string = functionApp.outputs.name

@description('Key Vault that the post-provision hook puts the pepper and the data key into, once.')
output AZURE_KEY_VAULT_ID string = keyVault.outputs.id

@description('Workspace that the workbook asks.')
output AZURE_WORKSPACE_ID string = monitoring.outputs.workspaceId

@description('What an identity platform is given as the tenant URL.')
output SCIM_URL string = '${functionApp.outputs.publicUrl}/scim/v2'

@description('The address to allow at Secret Server, and the only one calls come from.')
output OUTBOUND_IP string = network.outputs.outboundAddress

@description('Where administrators make connections and tokens.')
output CONSOLE_URL string = '${functionApp.outputs.publicUrl}/console'
