// Who may open a connection at all. It creates nothing: it turns ranges into the rule lists of the function app.
// An allowed address is no proof of identity: the bearer token still is.

@description('Allow the addresses that Entra ID provisions from. The tag covers every tenant, not only yours.')
param allowEntraProvisioning bool

@description('Ranges of your Okta cell.')
param oktaRanges string[]

@description('Ranges of your SailPoint tenant, or of its virtual appliances.')
param sailPointRanges string[]

@description('Other ranges: further platforms, gateways, administrators who open the console.')
param ownRanges string[]

@description('Ranges that may publish the app.')
param deploymentRanges string[]

var entraRules = [
  {
    name: 'entra-provisioning'
    description: 'Entra ID provisioning service, any tenant'
    priority: 100
    action: 'Allow'
    tag: 'ServiceTag'
    ipAddress: 'AzureActiveDirectory'
  }
]

// A closed door would otherwise report itself as an outage.
var probeRules = [
  {
    name: 'availability-test'
    description: 'The availability test asks /health from these addresses'
    priority: 110
    action: 'Allow'
    tag: 'ServiceTag'
    ipAddress: 'ApplicationInsightsAvailability'
  }
]

var oktaRules = map(oktaRanges, (cidr, i) => {
  name: 'okta-${i}'
  priority: 1000 + i
  action: 'Allow'
  tag: 'Default'
  ipAddress: cidr
})

var sailPointRules = map(sailPointRanges, (cidr, i) => {
  name: 'sailpoint-${i}'
  priority: 2000 + i
  action: 'Allow'
  tag: 'Default'
  ipAddress: cidr
})

var ownRules = map(ownRanges, (cidr, i) => {
  name: 'own-${i}'
  priority: 3000 + i
  action: 'Allow'
  tag: 'Default'
  ipAddress: cidr
})

@description('Rules of the app itself.')
output scim array = concat(allowEntraProvisioning ? entraRules : [], probeRules, oktaRules, sailPointRules, ownRules)

@description('Rules of the publishing endpoint.')
output deployment array = map(deploymentRanges, (cidr, i) => {
  name: 'deploy-${i}'
  priority: 100 + i
  action: 'Allow'
  tag: 'Default'
  ipAddress: cidr
})
