// One account: the connector's tables, the host's leases and the deployed package. No keys, no public door.

@description('Azure region of every resource in this module.')
param location string

@description('Tags put on every resource.')
param tags object

@description('Suffix that makes names unique and stays the same for one environment.')
param token string

@description('Keep three copies in three zones.')
param zoneRedundant bool

@description('Container that receives the deployed package.')
param packageContainer string

@description('Subnet of the private endpoints.')
param endpointSubnetId string

@description('Virtual network that resolves the private names.')
param networkId string

@description('Existing privatelink.blob zone of a hub network, or empty.')
param existingBlobZoneId string

@description('Existing privatelink.table zone of a hub network, or empty.')
param existingTableZoneId string

@description('Identity that may unwrap the customer-managed key; empty for keys that Microsoft manages.')
param customerKeyIdentityId string

@description('Name of the customer-managed key. Read only when the identity is given.')
param customerKeyName string

@description('Key Vault of the customer-managed key. Read only when the identity is given.')
param customerKeyVaultUri string

@description('Resource id of the Log Analytics workspace that receives diagnostics.')
param workspaceId string

var tableNames = [
  'connections'
  'tokens'
  'vaults'
  'attributes'
  'externalids'
  'journal'
  'audit'
  'settings'
  'messages'
]

// Tables take part in a customer-managed key only if they were created with keys of this account: the choice cannot be
// made later, so it is made for every deployment.
var encryptedServices = {
  blob: {
    enabled: true
    keyType: 'Account'
  }
  table: {
    enabled: true
    keyType: 'Account'
  }
}

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: 'st${token}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'
  }
  identity: empty(customerKeyIdentityId)
    ? null
    : {
        type: 'UserAssigned'
        userAssignedIdentities: {
          '${customerKeyIdentityId}': {}
        }
      }
  properties: {
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowedCopyScope: 'AAD'
    isLocalUserEnabled: false
    isSftpEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Disabled'
    networkAcls: {
      defaultAction: 'Deny'
      bypass: 'None'
    }
    encryption: empty(customerKeyIdentityId)
      ? {
          keySource: 'Microsoft.Storage'
          requireInfrastructureEncryption: true
          services: encryptedServices
        }
      : {
          keySource: 'Microsoft.Keyvault'
          requireInfrastructureEncryption: true
          services: encryptedServices
          identity: {
            userAssignedIdentity: customerKeyIdentityId
          }
          // No version: storage follows the key's rotation by itself.
          keyvaultproperties: {
            keyname: customerKeyName
            keyvaulturi: customerKeyVaultUri
          }
        }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 14
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 14
    }
  }

  resource packages 'containers@2025-06-01' = {
    name: packageContainer
    properties: {
      publicAccess: 'None'
    }
  }
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01' = [
  for table in tableNames: {
    parent: tableService
    name: table
  }
]

module blobEndpoint 'private-endpoint.bicep' = {
  name: 'endpoint-blob-${token}'
  params: {
    location: location
    tags: tags
    name: 'pe-blob-${token}'
    serviceId: account.id
    groupId: 'blob'
    zoneName: 'privatelink.blob.${environment().suffixes.storage}'
    existingZoneId: existingBlobZoneId
    subnetId: endpointSubnetId
    networkId: networkId
  }
}

module tableEndpoint 'private-endpoint.bicep' = {
  name: 'endpoint-table-${token}'
  params: {
    location: location
    tags: tags
    name: 'pe-table-${token}'
    serviceId: account.id
    groupId: 'table'
    zoneName: 'privatelink.table.${environment().suffixes.storage}'
    existingZoneId: existingTableZoneId
    subnetId: endpointSubnetId
    networkId: networkId
  }
}

resource accountDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: account
  properties: {
    workspaceId: workspaceId
    metrics: [
      {
        category: 'Transaction'
        enabled: true
      }
    ]
  }
}

// Changes are logged and reads are not: every SCIM request reads several rows, and those lines would cost more than the app.
resource tableDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: tableService
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'Transaction'
        enabled: true
      }
    ]
  }
}

resource blobDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'Transaction'
        enabled: true
      }
    ]
  }
}

@description('Name of the account.')
output name string = account.name

@description('Blob endpoint of the account, without a trailing slash.')
output blobEndpoint string = 'https://${account.name}.blob.${environment().suffixes.storage}'

@description('Table endpoint of the account, without a trailing slash.')
output tableEndpoint string = 'https://${account.name}.table.${environment().suffixes.storage}'
