// Holds the pepper, the data key and the vault credentials an administrator refers to. Reached only from inside the network.

@description('Azure region of every resource in this module.')
param location string

@description('Tags put on every resource.')
param tags object

@description('Suffix that makes names unique and stays the same for one environment.')
param token string

@description('Bring back a deleted vault of the same name with the keys in it, instead of making a new one.')
param recover bool

@description('Subnet of the private endpoint.')
param endpointSubnetId string

@description('Virtual network that resolves the private name.')
param networkId string

@description('Existing privatelink.vaultcore.azure.net zone of a hub network, or empty.')
param existingZoneId string

@description('Resource id of the Log Analytics workspace that receives diagnostics.')
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: 'kv-${token}'
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    createMode: recover ? 'recover' : 'default'
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    // Losing the pepper invalidates every token, losing the data key every stored credential: nobody may purge them early.
    enablePurgeProtection: true
    enabledForDeployment: false
    enabledForDiskEncryption: false
    enabledForTemplateDeployment: false
    publicNetworkAccess: 'Disabled'
    networkAcls: {
      defaultAction: 'Deny'
      // Storage, a trusted service, unwraps its own key here when a customer-managed key is chosen.
      bypass: 'AzureServices'
    }
  }
}

module endpoint 'private-endpoint.bicep' = {
  name: 'endpoint-vault-${token}'
  params: {
    location: location
    tags: tags
    name: 'pe-vault-${token}'
    serviceId: vault.id
    groupId: 'vault'
    // The same name in every cloud that Flex Consumption runs in today.
    zoneName: 'privatelink.vaultcore.azure.net'
    existingZoneId: existingZoneId
    subnetId: endpointSubnetId
    networkId: networkId
  }
}

resource vaultDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: vault
  properties: {
    workspaceId: workspaceId
    // Rows in a table of their own with typed columns; the alert on refused reads queries it.
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

@description('Name of the vault.')
output name string = vault.name

@description('Resource id of the vault.')
output id string = vault.id

@description('Where the app reads its keys, without a trailing slash.')
output uri string = 'https://${vault.name}${environment().suffixes.keyvaultDns}'
