// The network around the function app: one subnet it leaves from, one for private endpoints, and one address the world sees.

@description('Azure region of every resource in this module.')
param location string

@description('Tags put on every resource.')
param tags object

@description('Suffix that makes names unique and stays the same for one environment.')
param token string

@description('Address space of the virtual network; at least a /24. The app takes its first /26, the private endpoints a /27.')
param addressPrefix string

@description('IPv4 addresses of Secret Server Cloud (its web application firewall), reached over 443.')
param vaultAddresses string[]

@description('Secret Servers on-premises: objects { name, port, addresses[] }. A network security group cannot match host names.')
param onPremisesVaults array

@description('Service tags the platform itself must reach over 443.')
param platformServiceTags string[]

@description('Deny everything that no rule names. Switch off to find out what a new platform release needs, then on again.')
param denyOtherOutbound bool

@description('Span the outbound path over availability zones (StandardV2 NAT gateway and address).')
param zoneRedundant bool

@description('Resource id of the Log Analytics workspace that receives diagnostics.')
param workspaceId string

var appSubnetPrefix = cidrSubnet(addressPrefix, 26, 0)
var endpointSubnetPrefix = cidrSubnet(addressPrefix, 27, 2)

// A Standard NAT gateway lives in one zone. Only StandardV2 spans zones, and it accepts only addresses of its own kind.
var egressSku = zoneRedundant ? 'StandardV2' : 'Standard'

// An empty prefix list is not a legal rule, so a deployment that only serves on-premises vaults leaves this one out.
var cloudVaultRules = empty(vaultAddresses)
  ? []
  : [
      {
        name: 'AllowSecretServerCloud'
        properties: {
          description: 'Secret Server Cloud, all regions, by the addresses of its web application firewall'
          priority: 100
          direction: 'Outbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: appSubnetPrefix
          sourcePortRange: '*'
          destinationAddressPrefixes: vaultAddresses
          destinationPortRange: '443'
        }
      }
    ]

var onPremisesRules = map(onPremisesVaults, (vault, i) => {
  name: 'AllowVault-${vault.name}'
  properties: {
    description: 'Secret Server on-premises, by address'
    priority: 200 + i
    direction: 'Outbound'
    access: 'Allow'
    protocol: 'Tcp'
    sourceAddressPrefix: appSubnetPrefix
    sourcePortRange: '*'
    destinationAddressPrefixes: vault.addresses
    destinationPortRange: string(vault.?port ?? 443)
  }
})

var platformRules = map(platformServiceTags, (serviceTag, i) => {
  name: 'AllowPlatform-${replace(serviceTag, '.', '-')}'
  properties: {
    description: 'Needed by the platform, not by the connector'
    priority: 300 + i
    direction: 'Outbound'
    access: 'Allow'
    protocol: 'Tcp'
    sourceAddressPrefix: appSubnetPrefix
    sourcePortRange: '*'
    destinationAddressPrefix: serviceTag
    destinationPortRange: '443'
  }
})

var innerRules = [
  {
    name: 'AllowPrivateEndpoints'
    properties: {
      description: 'Storage and Key Vault answer inside the network'
      priority: 400
      direction: 'Outbound'
      access: 'Allow'
      protocol: 'Tcp'
      sourceAddressPrefix: appSubnetPrefix
      sourcePortRange: '*'
      destinationAddressPrefix: endpointSubnetPrefix
      destinationPortRange: '443'
    }
  }
  {
    name: 'AllowOwnSubnet'
    properties: {
      description: 'Instances and their sidecars talk to each other inside the delegated subnet'
      priority: 410
      direction: 'Outbound'
      access: 'Allow'
      protocol: '*'
      sourceAddressPrefix: appSubnetPrefix
      sourcePortRange: '*'
      destinationAddressPrefix: appSubnetPrefix
      destinationPortRange: '*'
    }
  }
]

// The platform's own default rules allow all of the Internet and all peered networks: one late rule takes that back.
var lastRule = [
  {
    name: 'DenyOtherOutbound'
    properties: {
      description: 'Nothing leaves that no rule above names'
      priority: 4096
      direction: 'Outbound'
      access: 'Deny'
      protocol: '*'
      sourceAddressPrefix: '*'
      sourcePortRange: '*'
      destinationAddressPrefix: '*'
      destinationPortRange: '*'
    }
  }
]

resource appSecurityGroup 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: 'nsg-app-${token}'
  location: location
  tags: tags
  properties: {
    securityRules: concat(cloudVaultRules, onPremisesRules, platformRules, innerRules, denyOtherOutbound ? lastRule : [])
  }
}

resource endpointSecurityGroup 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: 'nsg-endpoints-${token}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'AllowApp'
        properties: {
          // Only the function app may open storage and Key Vault.
          priority: 100
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: appSubnetPrefix
          sourcePortRange: '*'
          destinationAddressPrefix: endpointSubnetPrefix
          destinationPortRange: '443'
        }
      }
      {
        name: 'DenyOtherInbound'
        properties: {
          // Peered networks included.
          priority: 4096
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource outboundAddress 'Microsoft.Network/publicIPAddresses@2025-05-01' = {
  name: 'pip-out-${token}'
  location: location
  tags: tags
  sku: {
    name: egressSku
    tier: 'Regional'
  }
  properties: {
    publicIPAllocationMethod: 'Static'
    publicIPAddressVersion: 'IPv4'
  }
}

resource natGateway 'Microsoft.Network/natGateways@2025-05-01' = {
  name: 'nat-${token}'
  location: location
  tags: tags
  sku: {
    name: egressSku
  }
  properties: {
    idleTimeoutInMinutes: 4
    publicIpAddresses: [
      {
        id: outboundAddress.id
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: 'vnet-${token}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressPrefix
      ]
    }
    // Subnets stand here and not as children: a redeployment of the network would otherwise try to remove them.
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: appSubnetPrefix
          defaultOutboundAccess: false
          natGateway: {
            id: natGateway.id
          }
          networkSecurityGroup: {
            id: appSecurityGroup.id
          }
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointSubnetPrefix
          defaultOutboundAccess: false
          networkSecurityGroup: {
            id: endpointSecurityGroup.id
          }
          // Without this the security group above would not apply to private endpoints.
          privateEndpointNetworkPolicies: 'NetworkSecurityGroupEnabled'
        }
      }
    ]
  }
}

resource networkDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: network
  properties: {
    workspaceId: workspaceId
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

resource appSecurityGroupDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: appSecurityGroup
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

resource endpointSecurityGroupDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: endpointSecurityGroup
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

resource outboundAddressDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: outboundAddress
  properties: {
    workspaceId: workspaceId
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

// A Standard NAT gateway has no exportable diagnostics; StandardV2 brings flow logs.
resource natGatewayDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (zoneRedundant) {
  name: 'to-workspace'
  scope: natGateway
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

@description('Resource id of the virtual network.')
output networkId string = network.id

@description('Subnet of the function app.')
output appSubnetId string = '${network.id}/subnets/app'

@description('Subnet of the private endpoints.')
output endpointSubnetId string = '${network.id}/subnets/endpoints'

@description('The one address every outbound call comes from.')
output outboundAddress string = outboundAddress.properties.ipAddress
