import { median, sum, waitingFor, type Bench } from './harness.ts'
import { clusterWide, make, type Installation } from './installation.ts'

// The last of them is in force last.
const operations = ['UPDATE', 'DELETE', 'CREATE'] as const
type Counts = Record<(typeof operations)[number], number>
export type Writes = Counts & { all: number }

const offences = 'apiserver_validating_admission_policy_check_total'
const requests = 'apiserver_request_total'
const api = 'admissionregistration.k8s.io/v1'

/**
 * What only we ask of Jobs, by its verb: those requests are counted themselves. The API server evaluates a policy once more each time
 * that somebody else has written the object meanwhile, as the controller of Jobs does just then.
 */
const ofJobs: Partial<Record<keyof Counts, string>> = { UPDATE: 'PATCH', DELETE: 'DELETE' }

/**
 * Has the API server count what the functions of the installation ask it to write. It evaluates a policy for each such request, which
 * all offend and which only says so: in a counter of its own. Those of its controllers, the kubelet's and ours here are not counted.
 */
export async function countWrites(
  bench: Bench,
  there: Installation,
): Promise<() => Promise<Writes>> {
  await mustBeOne(there)
  const nameOf = (operation: string) => `${there.namespace}-${operation.toLowerCase()}`
  for (const operation of operations) await addPolicy(bench, there, nameOf(operation), operation)
  const read = async (): Promise<Writes> => {
    const text = await there.kubectl('get', '--raw', '/metrics')
    return writesFrom((operation) => {
      const policed = countIn(text, offences, { policy: nameOf(operation) })
      const verb = ofJobs[operation]
      return verb ? policed + countIn(text, requests, { verb, ...onJobs }) : policed
    })
  }
  await untilCounting(there, read)
  return read
}

/** Each API server counts what itself is asked, and one of them tells. */
async function mustBeOne({ kubectl }: Installation): Promise<void> {
  const selector = 'kubernetes.io/service-name=kubernetes'
  const path = 'jsonpath={.items[*].endpoints[*].addresses[0]}'
  const all = ['get', 'endpointslices', '-n', 'default', '-l', selector, '-o', path]
  const servers = new Set((await kubectl(...all)).split(' '))
  if (servers.size > 1)
    throw new Error(
      `writes are counted where there is one API server; here are ${servers.size}: ${[...servers].join(', ')}`,
    )
}

async function addPolicy(
  bench: Bench,
  there: Installation,
  name: string,
  operation: keyof Counts,
): Promise<void> {
  const { namespace } = there
  const metadata = { ...clusterWide, name }
  const accounts = `system:serviceaccount:${namespace}:`
  const all = { apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'], operations: [operation] }
  await make(bench, there, {
    apiVersion: api,
    kind: 'ValidatingAdmissionPolicy',
    metadata,
    spec: {
      failurePolicy: 'Ignore',
      matchConstraints: {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        resourceRules: [all],
        ...(ofJobs[operation] && {
          excludeResourceRules: [{ ...all, apiGroups: ['batch'], resources: ['jobs'] }],
        }),
      },
      matchConditions: [
        { name: 'functions', expression: `request.userInfo.username.startsWith('${accounts}')` },
      ],
      validations: [{ expression: 'false', message: 'counted' }],
    },
  })
  await make(bench, there, {
    apiVersion: api,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata,
    spec: { policyName: name, validationActions: ['Audit'] },
  })
}

const onJobs = { resource: 'jobs', subresource: '', dry_run: '' }

/** The sum of a counter over all its labels but these. */
function countIn(metrics: string, counter: string, labels: Record<string, string>): number {
  const wanted = Object.entries(labels).map(([name, value]) => `${name}="${value}"`)
  const lines = metrics.split('\n').filter((line) => {
    const [name, rest = ''] = line.split(/[{}]/)
    const told = rest.split(',')
    return name === counter && wanted.every((label) => told.includes(label))
  })
  return sum(lines.map((line) => Number(line.slice(line.lastIndexOf(' ')))))
}

/** A policy takes moments to be in force: until then a write that only seems to be one goes uncounted. */
async function untilCounting(
  { namespace, kubectl }: Installation,
  read: () => Promise<Writes>,
): Promise<void> {
  const words = ['create', 'configmap', 'bench-counted', '--dry-run=server']
  const as = ['--as', `system:serviceaccount:${namespace}:bench`, '--as-group', 'system:masters']
  const pause = waitingFor('the API server to count what it is asked to write')
  for (;;) {
    await kubectl(...words, ...as)
    if ((await read()).CREATE > 0) return
    await pause(100)
  }
}

const writesFrom = (countOf: (operation: keyof Counts) => number): Writes => {
  const counts = Object.fromEntries(operations.map((name) => [name, countOf(name)])) as Counts
  return { ...counts, all: sum(Object.values(counts)) }
}

/** What was written in between. */
export const writesBetween = (before: Writes, after: Writes): Writes =>
  writesFrom((operation) => after[operation] - before[operation])

/** How often each was asked for, for one of so many Runs. */
export const describeWrites = (all: readonly Writes[], runs: number): string =>
  operations
    .map((name) => `${name} ${median(all.map((writes) => writes[name] / runs)).toFixed(2)}`)
    .join(', ')
