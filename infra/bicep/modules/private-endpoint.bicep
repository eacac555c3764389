// One private endpoint with the DNS zone that makes the service's public name resolve to it.

@description('Azure region of the endpoint. The DNS zone is global.')
param location string

@description('Tags put on every resource.')
param tags object

@description('Name of the endpoint.')
param name string

@description('Resource id of the service behind the endpoint.')
param serviceId string

@description('Sub-resource of the service: blob, table or vault.')
param groupId string

@description('Private DNS zone, such as privatelink.vaultcore.azure.net.')
param zoneName string

@description('Existing private DNS zone of a hub network. Empty: a zone is created and linked here.')
param existingZoneId string = ''

@description('Subnet the endpoint takes an address from.')
param subnetId string

@description('Virtual network that must resolve the zone.')
param networkId string

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = if (empty(existingZoneId)) {
  name: zoneName
  location: 'global'
  tags: tags

  resource link 'virtualNetworkLinks@2024-06-01' = {
    name: 'to-${uniqueString(networkId)}'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: networkId
      }
    }
  }
}

resource endpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    customNetworkInterfaceName: 'nic-${name}'
    privateLinkServiceConnections: [
      {
        name: groupId
        properties: {
          privateLinkServiceId: serviceId
          groupIds: [
            groupId
          ]
        }
      }
    ]
  }

  resource dns 'privateDnsZoneGroups@2025-05-01' = {
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: groupId
          properties: {
            privateDnsZoneId: empty(existingZoneId) ? zone.id : existingZoneId
          }
        }
      ]
    }
  }
}
