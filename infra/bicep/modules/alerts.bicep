// When somebody must be told. Each query returns rows only when there is something to tell, so every rule is "more than none";
// the numbers stand in the queries, next to the words that explain them.

@description('Azure region of the rules.')
param location string

@description('Tags put on every resource.')
param tags object

@description('Suffix that makes names unique and stays the same for one environment.')
param token string

@description('Workspace that is asked.')
param workspaceId string

@description('Application Insights component that the availability test belongs to.')
param componentId string

@description('Host name of the function app.')
param hostName string

@description('Who is written to.')
param emails string[]

@description('Chat or pager webhook. Its address holds a key, so it is a secret.')
@secure()
param webhookUri string

@description('Places the availability test asks from.')
param probeLocations string[]

var rules = [
  {
    name: 'failed-requests'
    title: 'SCIM requests fail'
    severity: 1
    resolves: true
    query: loadTextContent('../../kql/failed-requests.kql')
  }
  {
    name: 'refused-callers'
    title: 'Unusually many 401 and 403 answers'
    severity: 2
    resolves: true
    query: loadTextContent('../../kql/refused-callers.kql')
  }
  {
    name: 'vault-unreachable'
    title: 'Secret Server cannot be reached'
    severity: 1
    resolves: true
    query: loadTextContent('../../kql/vault-unreachable.kql')
  }
  {
    name: 'breaker-open'
    title: 'A mass change waits for a human'
    severity: 1
    resolves: true
    query: loadTextContent('../../kql/breaker-open.kql')
  }
  {
    name: 'journal-open'
    title: 'Writes were begun and not finished'
    severity: 2
    resolves: true
    query: loadTextContent('../../kql/journal-open.kql')
  }
  {
    // Never closes by itself: a broken chain does not heal, somebody has to look.
    name: 'audit-chain-broken'
    title: 'The audit trail was changed'
    severity: 0
    resolves: false
    query: loadTextContent('../../kql/audit-chain-broken.kql')
  }
  {
    name: 'key-vault-refused'
    title: 'Key Vault refused a read'
    severity: 2
    resolves: true
    query: loadTextContent('../../kql/key-vault-refused.kql')
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-scim-${token}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'scim'
    enabled: true
    emailReceivers: [
      for (email, i) in emails: {
        name: 'email-${i}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
    webhookReceivers: empty(webhookUri)
      ? []
      : [
          {
            name: 'webhook'
            serviceUri: webhookUri
            useCommonAlertSchema: true
          }
        ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: 'alert-${rule.name}-${token}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'SCIM connector: ${rule.title}'
      severity: rule.severity
      enabled: true
      scopes: [
        workspaceId
      ]
      evaluationFrequency: 'PT5M'
      // Twice the frequency: rows arrive a few minutes late, and one that arrives between two looks must not be missed.
      windowSize: 'PT10M'
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      autoMitigate: rule.resolves
      // The tables appear with the first row; a first deployment would otherwise be refused.
      skipQueryValidation: true
      actions: {
        actionGroups: [
          people.id
        ]
      }
    }
  }
]

resource probe 'Microsoft.Insights/webtests@2022-06-15' = {
  name: 'probe-${token}'
  location: location
  // The portal finds the test of a component by this tag, and the service refuses a test without it.
  tags: union(tags, { 'hidden-link:${componentId}': 'Resource' })
  kind: 'standard'
  properties: {
    SyntheticMonitorId: 'probe-${token}'
    Name: 'SCIM connector answers'
    Enabled: true
    Frequency: 300
    Timeout: 30
    Kind: 'standard'
    RetryEnabled: true
    Locations: [
      for place in probeLocations: {
        Id: place
      }
    ]
    Request: {
      // The cheap route: it asks nothing of the vault, so the test never becomes load or a log-in there.
      RequestUrl: 'https://${hostName}/health'
      HttpVerb: 'GET'
      ParseDependentRequests: false
      FollowRedirects: false
    }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: 14
    }
  }
}

resource unavailable 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-unavailable-${token}'
  location: 'global'
  tags: tags
  properties: {
    severity: 1
    enabled: true
    scopes: [
      probe.id
      componentId
    ]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: probe.id
      componentId: componentId
      // One place alone is more often that place's network than ours.
      failedLocationCount: 2
    }
    autoMitigate: true
    actions: [
      {
        actionGroupId: people.id
      }
    ]
  }
}
