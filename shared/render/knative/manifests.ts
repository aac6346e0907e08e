import { accounts } from './accounts.ts'
import { agent } from './agent.ts'
import { isDeployment, type Deployed } from './deployed.ts'
import { namedTemplates, template } from './helm.ts'
import { networkPolicies } from './network.ts'
import { askedBy, services } from './services.ts'
import { eventTriggers, sources } from './triggers.ts'

/** The manifests of a cluster, by file; each is a template of the chart. */
export const manifests = (functions: readonly Deployed[]): Record<string, string> => ({
  'services.yaml': template('the functions', services(functions)),
  'triggers.yaml': template('shared/workflow/triggers.ts', eventTriggers()),
  'sources.yaml': template('shared/workflow/triggers.ts', sources()),
  'accounts.yaml': template('what the functions use', accounts(functions)),
  'agent.yaml': template('shared/render/knative/agent.ts', agent()),
  'network-policies.yaml': template('the functions', networkPolicies(functions)),
  '_functions.tpl': namedTemplates('the functions', {
    functions: namesOf(functions),
    knativeServices: namesOf(knativeServices(functions)),
    asked: asJson(knativeServices(functions).map((fn) => [fn.service, askedBy(fn)])),
  }),
})

const knativeServices = (functions: readonly Deployed[]): Deployed[] =>
  functions.filter((fn) => !isDeployment(fn))

/** A line each. */
const asJson = (entries: readonly (readonly [string, unknown])[]): string =>
  `{\n${entries.map(([key, value]) => `"${key}": ${JSON.stringify(value)}`).join(',\n')}\n}`

const namesOf = (functions: readonly Deployed[]): string =>
  functions.map(({ service }) => service).join(' ')
