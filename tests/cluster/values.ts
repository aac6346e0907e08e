/** Where the hooks of the tests are, in the namespace of the release: `setup.ts` makes them. */
export const hooks = { service: 'hooks', port: 8080 }

/** Accounts that plans of the tests may name. Of `nobody` there is none. */
export const accounts = { guest: 'guest', absent: 'nobody' }

/** What the tests ask of the chart, beside what a cluster asks for. */
export function testValues(namespace: string): Record<string, string> {
  const url = `http://${hooks.service}.${namespace}.svc.cluster.local`
  return {
    'settings.hooksBefore': `{${url}/before}`,
    'settings.hooksAfter': `{${url}/after}`,
    // What no event tells of is not noticed in time.
    'settings.lookInterval': '600',
    'networkPolicies.functions[0].to[0].podSelector.matchLabels.app': hooks.service,
    'workers.serviceAccounts': `{${Object.values(accounts).join(',')}}`,
    // It would say that there is no such account.
    preflight: 'false',
    'knative.window': '15s',
  }
}
