// The connector itself: a Flex Consumption plan, the app, its settings. Nothing in here is a secret.

@description('Azure region of every resource in this module.')
param location string

@description('Tags put on every resource.')
param tags object

@description('Suffix that makes names unique and stays the same for one environment.')
param token string

@description('Python version of the worker.')
param pythonVersion string

@description('Memory of one instance in megabytes.')
param instanceMemoryMB int

@description('Most on-demand instances.')
param maximumInstanceCount int

@description('SCIM requests that one instance serves at a time.')
param perInstanceConcurrency int

@description('Instances that are always warm, billed while idle.')
param alwaysReadyInstances int

@description('Spread instances over availability zones.')
param zoneRedundant bool

@description('Resource id of the connector identity.')
param identityId string

@description('Client id of the connector identity.')
param identityClientId string

@description('Subnet that outbound traffic leaves from.')
param subnetId string

@description('Blob endpoint of the storage account.')
param blobEndpoint string

@description('Table endpoint of the storage account.')
param tableEndpoint string

@description('Container that receives the deployed package.')
param packageContainer string

@description('Key Vault of the pepper and the data key.')
param keyVaultUri string

@description('Application Insights component that receives telemetry.')
param componentName string

@description('Name identity platforms call, https:// and no path. Empty: the name of the app.')
param publicUrl string

@description('Entra tenant of the console.')
param consoleTenantId string

@description('Entra app registration of the console; empty until it exists.')
param consoleClientId string

@description('Serve /metrics to whoever holds the token in Key Vault.')
param serveMetrics bool

@description('OTLP endpoint that spans go to, or empty.')
param telemetryEndpoint string

@description('Send the headers in Key Vault along with spans.')
param telemetryWithHeaders bool

@description('More application settings.')
param moreSettings object

@description('Inbound rules of the app.')
param accessRules array

@description('Refuse callers that no rule names.')
param denyUnlistedCallers bool

@description('Inbound rules of the publishing endpoint.')
param deploymentRules array

@description('Refuse publishers that no rule names.')
param denyUnlistedDeployers bool

@description('Resource id of the Log Analytics workspace that receives diagnostics.')
param workspaceId string

var name = 'func-scim-${token}'

// The platform resolves these with the identity in keyVaultReferenceIdentity; the app never sees where they came from.
var metricsSettings = serveMetrics
  ? {
      SCIM_METRICS_TOKEN: '@Microsoft.KeyVault(SecretUri=${keyVaultUri}/secrets/scim-metrics-token)'
    }
  : {}
var telemetrySettings = empty(telemetryEndpoint)
  ? {}
  : {
      SCIM_OPEN_TELEMETRY: 'true'
      OTEL_EXPORTER_OTLP_ENDPOINT: telemetryEndpoint
    }
var telemetryHeaderSettings = telemetryWithHeaders
  ? {
      OTEL_EXPORTER_OTLP_HEADERS: '@Microsoft.KeyVault(SecretUri=${keyVaultUri}/secrets/scim-telemetry-headers)'
    }
  : {}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  // azd deploy finds the app by this tag.
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    reserved: true
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: subnetId
    // Flex routes everything through the network anyway; it is written down so that a reader need not know.
    outboundVnetRouting: {
      allTraffic: true
    }
    keyVaultReferenceIdentity: identityId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobEndpoint}/${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances == 0
          ? []
          : [
              {
                name: 'http'
                instanceCount: alwaysReadyInstances
              }
            ]
        triggers: {
          http: {
            // Python's default has been one request an instance. The connector waits on a slow vault most of the time.
            perInstanceConcurrency: perInstanceConcurrency
          }
        }
      }
    }
    siteConfig: {
      // Entra's provisioning service documents TLS 1.2 and nothing newer: 1.3 as a floor would lock it out.
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      remoteDebuggingEnabled: false
      webSocketsEnabled: false
      ipSecurityRestrictions: accessRules
      ipSecurityRestrictionsDefaultAction: denyUnlistedCallers ? 'Deny' : 'Allow'
      scmIpSecurityRestrictionsUseMain: false
      scmIpSecurityRestrictions: deploymentRules
      scmIpSecurityRestrictionsDefaultAction: denyUnlistedDeployers ? 'Deny' : 'Allow'
    }
  }
}

// Publishing profiles carry a password that no policy of yours sees: only Entra identities may publish.
resource noPublishingPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(moreSettings, metricsSettings, telemetrySettings, telemetryHeaderSettings, {
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: identityClientId
    AzureWebJobsStorage__blobServiceUri: blobEndpoint
    AzureWebJobsStorage__tableServiceUri: tableEndpoint
    AzureWebJobsDisableHomepage: 'true'
    APPLICATIONINSIGHTS_CONNECTION_STRING: component.properties.ConnectionString
    // The connection string only says where to; who may write is decided by the identity.
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
    SCIM_TABLES_ENDPOINT: tableEndpoint
    SCIM_KEY_VAULT_URI: keyVaultUri
    SCIM_IDENTITY_CLIENT_ID: identityClientId
    SCIM_PUBLIC_URL: empty(publicUrl) ? 'https://${app.properties.defaultHostName}' : publicUrl
    SCIM_CONSOLE_TENANT_ID: consoleTenantId
    SCIM_CONSOLE_CLIENT_ID: consoleClientId
  })
}

resource planDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: plan
  properties: {
    workspaceId: workspaceId
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

// The host's own lines arrive here even when Application Insights refuses them, as it does while a role is missing:
// then this is where the reason of a refused start can be read.
resource appDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: app
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'FunctionAppLogs'
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

@description('Name of the function app.')
output name string = app.name

@description('What the world calls, without a path.')
output publicUrl string = empty(publicUrl) ? 'https://${app.properties.defaultHostName}' : publicUrl

@description('Host name of the function app, without scheme.')
output hostName string = app.properties.defaultHostName
