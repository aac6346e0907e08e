/** What the tests have beside the release, in its namespace: `setup.ts` makes them of the programs. */
export const hooks = { service: 'hooks', port: 8080, program: 'hooks.cjs' }
export const collector = { service: 'collector', port: 8080, program: 'collector.cjs' }

/** Accounts that plans of the tests may name. Of `nobody` there is none. */
export const accounts = { guest: 'guest', absent: 'nobody' }

/** What the tests ask of the chart, beside what a cluster asks for. */
export function testValues(namespace: string): Record<string, string> {
  const urlOf = (service: string) => `http://${service}.${namespace}.svc.cluster.local`
  return {
    'settings.hooksBefore': `{${urlOf(hooks.service)}/before}`,
    'settings.hooksAfter': `{${urlOf(hooks.service)}/after}`,
    // What no event tells of is not noticed in time.
    'settings.lookInterval': '600',
    'networkPolicies.functions[0].to[0].podSelector.matchLabels.app': hooks.service,
    'tracing.endpoint': urlOf(collector.service),
    // Who wants a trace says so.
    'tracing.share': '0',
    'networkPolicies.traces[0].to[0].podSelector.matchLabels.app': collector.service,
    'workers.serviceAccounts': `{${Object.values(accounts).join(',')}}`,
    // It would say that there is no such account.
    preflight: 'false',
    // Functions that are asked again and again keep their Pods meanwhile; for one test it is waited until all are gone.
    'knative.window': '60s',
  }
}
