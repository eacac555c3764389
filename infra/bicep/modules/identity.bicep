// The identity the connector acts as. User-assigned, so that its roles exist before the app first starts.

@description('Azure region of the identity.')
param location string

@description('Tags put on every resource.')
param tags object

@description('Suffix that makes names unique and stays the same for one environment.')
param token string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-scim-${token}'
  location: location
  tags: tags
}

@description('Resource id of the identity.')
output id string = identity.id

@description('Application id: the app names it when it asks for tokens.')
output clientId string = identity.properties.clientId

@description('Object id: role assignments are made to it.')
output principalId string = identity.properties.principalId
