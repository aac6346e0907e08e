import { expect, test } from 'vitest'
import { asArgument, find, included, refusal, render, type Values } from './helm.ts'

test.each([
  [
    'a type that no Service has',
    { gateway: { service: { type: 'Nodeport' } } },
    '/gateway/service/type',
  ],
  ['a value of a function that is none', { functions: { nobody: {} } }, 'nobody'],
  ['a scale of what does not scale', { functions: { gateway: { minScale: 1 } } }, 'minScale'],
  ['replicas of what scales', { functions: { 'step-sweep': { replicas: 1 } } }, 'replicas'],
  ['fewer than none', { functions: { gateway: { replicas: -1 } } }, '/functions/gateway/replicas'],
  ['a setting that is none', { settings: { maxTag: 1 } }, 'maxTag'],
  ['a setting of another type', { settings: { grace: 'long' } }, '/settings/grace'],
  ['a setting that the chart makes', { settings: { databaseUrl: 'postgres://x' } }, 'databaseUrl'],
  ['a quantity that is none', { volumes: { size: '10 GB' } }, '/volumes/size'],
  ['a unit that Kubernetes does not know', { postgres: { size: '512ki' } }, '/postgres/size'],
  ['a claim of no size', { volumes: { size: 0 } }, '/volumes/size'],
  ['a layout that is none', { volumes: { layout: 'one' } }, '/volumes/layout'],
  ['a digest that is none', { image: { digest: 'sha256:1' } }, '/image/digest'],
  [
    'a duration that is none',
    { broker: { delivery: { timeout: '1m' } } },
    '/broker/delivery/timeout',
  ],
  [
    'a rule that lets everything through',
    { networkPolicies: { programs: [{ to: [] }] } },
    '/networkPolicies/programs/0/to',
  ],
  [
    'no namespace of Knative, which would be every namespace',
    { networkPolicies: { knative: [] } },
    '/networkPolicies/knative',
  ],
  [
    'a port for metrics at which only root may listen',
    { monitoring: { port: 80 } },
    '/monitoring/port',
  ],
  [
    'a place for traces that is none',
    { tracing: { endpoint: 'collector:4318' } },
    '/tracing/endpoint',
  ],
  ['a value that is none', { postgress: { enabled: false } }, 'postgress'],
])('helm refuses %s, and names it', (_, values, name) => {
  expect(refusal(values)).toContain(name)
})

const external = { postgres: { enabled: false }, secrets: { database: 'theirs' } }
const somewhere = [{ to: [{ ipBlock: { cidr: '192.0.2.1/32' } }] }]

test.each([
  [
    'an image that nobody has built',
    { image: { repository: '' } },
    /image\.repository is empty: build and push the image .*, then name it/,
  ],
  [
    'no database',
    { postgres: { enabled: false }, networkPolicies: { database: somewhere } },
    /secrets\.database is empty .* create secret generic NAME --from-literal=KNIT_DATABASE_URL=/,
  ],
  ['a database that nobody may reach', external, /networkPolicies\.database is empty .* say where/],
  [
    'hooks that nobody may reach',
    { settings: { hooksAfter: ['https://hooks.test'] } },
    /networkPolicies\.functions is empty .* lifecycle hooks, .* say where those are/,
  ],
  [
    'APIs of others that nobody may reach',
    { settings: { extraApis: ['/one=https://one.test'] } },
    /networkPolicies\.functions is empty .* extra APIs: say where those are/,
  ],
  [
    'a provider that nobody may reach',
    { settings: { oidcIssuer: 'https://login.test' } },
    /networkPolicies\.functions is empty .* a provider that signs people in, .* say where those are/,
  ],
  [
    'a broker nobody knows',
    { broker: { class: 'Theirs' } },
    /broker\.url is empty, .* class Theirs/,
  ],
  [
    'a port of nodes that is of no use',
    { gateway: { service: { nodePort: 30_080 } } },
    /nodePort is 30080 while gateway\.service\.type is ClusterIP: set the type to NodePort/,
  ],
  [
    'a load balancer for nobody',
    { gateway: { service: { type: 'NodePort', loadBalancerSourceRanges: ['192.0.2.0/24'] } } },
    /loadBalancerSourceRanges is given while gateway\.service\.type is NodePort: set the type/,
  ],
  [
    'a place for traces that nobody may reach',
    { tracing: { endpoint: 'http://collector.observed:4318' } },
    /networkPolicies\.traces is empty while tracing\.endpoint is http:\/\/collector\.observed:4318: say where that is/,
  ],
  [
    'a secret for traces that are sent nowhere',
    { tracing: { headersSecret: 'ours' } },
    /tracing\.headersSecret is given .* say where traces are sent, or leave it empty/,
  ],
  [
    'more Pods at any time than there are at most',
    { functions: { 'step-start-run': { minScale: 3 } } },
    /functions\.step-start-run\.minScale is 3, .* there are 2 at most: say less, or more in functions\.step-start-run\.maxScale/,
  ],
  [
    'a request beyond its limit',
    { defaults: { resources: { requests: { memory: '512Mi' } } } },
    /defaults\.resources\.requests\.memory is 512Mi, more than defaults\.resources\.limits\.memory, which is 256Mi: raise that/,
  ],
  [
    'the same of one function',
    { functions: { gateway: { resources: { requests: { cpu: 2 }, limits: { cpu: '1500m' } } } } },
    /functions\.gateway\.resources\.requests\.cpu is 2, more than .* which is 1500m: raise that/,
  ],
  [
    'the same of the jobs',
    { jobs: { resources: { requests: { memory: '1Gi' }, limits: { memory: '512Mi' } } } },
    /jobs\.resources\.requests\.memory is 1Gi, more than .* which is 512Mi: raise that/,
  ],
  ['too short a window', { knative: { window: '5s' } }, /knative\.window is 5s, .* takes 6s to 1h/],
  ['too long a window', { knative: { window: '61m' } }, /knative\.window is 61m/],
  [
    'an Ingress for any name',
    { gateway: { ingress: { enabled: true } } },
    /gateway\.ingress\.host is empty .* say by which name/,
  ],
  [
    'a port for metrics that is taken in each Pod',
    { monitoring: { enabled: true, port: 9090 } },
    /monitoring\.port is 9090, .* take another, such as 9464/,
  ],
])('%s is refused, with what to do', (_, values, words) => {
  expect(refusal(values)).toMatch(words)
})

test('all mistakes are said at once, a line each', () => {
  const said = refusal({ broker: { class: 'Theirs' }, gateway: { ingress: { enabled: true } } })
  expect(said).toMatch(
    /Nothing was changed, for:\n\n- broker\.url[^\n]*\n\n- gateway\.ingress\.host[^\n]*\n/,
  )
})

test('what is at the edge of what is taken is taken', () => {
  const functions = { 'step-start-run': { minScale: 3, maxScale: 3 } }
  const resources = {
    requests: { memory: '1Gi', cpu: 1 },
    limits: { memory: '1024Mi', cpu: '1000m' },
  }
  for (const window of ['6s', '1h', '3600s'])
    expect(render({ functions, defaults: { resources }, knative: { window } })).not.toEqual([])
})

test('a release that events cannot be known by is refused', () => {
  const at = { release: 'knit.fab', namespace: 'there' }
  expect(refusal({}, [], at)).toMatch(/cannot be called knit\.fab: .*; call it knitfab/)
})

// What helm knows of a cluster that it has asked.
const asked = ['--api-versions', 'v1/Namespace']
const known = (...versions: string[]) =>
  versions.flatMap((version) => ['--api-versions', version]).concat(asked)
const serving = 'serving.knative.dev/v1'
const eventing = ['eventing.knative.dev/v1', 'sources.knative.dev/v1']

test('a cluster without Knative is refused, with where to get it', () => {
  const said = refusal({}, asked)
  expect(said).toMatch(/Knative Serving is not in this cluster, .*install Knative 1\.13 or later/)
  expect(said).toMatch(/Knative Eventing is not in this cluster/)
  expect(refusal({}, known(serving))).not.toContain('Knative Serving')
  expect(refusal({}, known(...eventing))).not.toContain('Knative Eventing')
  expect(render({}, known(serving, ...eventing))).not.toEqual([])
})

test('a Knative that is too old is refused, by its version', () => {
  const said = (version: string) =>
    included('knitfab.tooOld', `list "knative-eventing" "${version}"`).trim()
  for (const version of ['1.12.4', 'v1.12', '1.0.1'])
    expect(said(version)).toMatch(
      /^Knative in knative-eventing is 1\.\d+.*, which is too old: install 1\.13 or later/,
    )
  for (const version of [
    '1.13.0',
    'v1.13.0-rc.1',
    'v1.21.2',
    '2.0.0',
    'devel',
    'v20260114-42cdb90',
    '',
  ])
    expect(said(version)).toBe('')
})

test('a quantity is what it comes to, however it is written', () => {
  const bytes = (quantity: string) => included('knitfab.bytes', quantity).trim()
  expect(bytes('"20Gi"')).toBe(String(20 * 2 ** 30))
  expect(bytes('"20480Mi"')).toBe(bytes('"20Gi"'))
  expect(bytes('"1.5T"')).toBe('1500000000000')
  expect(bytes('"512k"')).toBe('512000')
  expect(bytes('"512Ki"')).toBe(String(512 * 1024))
  expect(bytes('1048576.0')).toBe('1048576')
})

/** The settings of a release with these values, a Service and a StatefulSet of its database, as far as they are there. */
const latePostgres = (settings = {}, service = {}, statefulSet = {}) =>
  included(
    'knitfab.latePostgres',
    `list . ${[settings, service, statefulSet].map(asArgument).join(' ')}`,
  )
    .trim()
    .split('\n')
const settingsWith = (values: Values) => find(render(values), 'ConfigMap/knitfab-settings')
const something = { spec: {} }

test('a database of our own that comes after the install is refused, with what to do', () => {
  const theirs = settingsWith({ ...external, networkPolicies: { enabled: false } })
  const refused = [
    expect.stringMatching(
      /^postgres\.enabled is true, and cannot be changed from false any more: set it back, or uninstall .*, install again with it, and restore a dump/,
    ),
  ]
  expect(latePostgres(theirs)).toEqual(refused)
  // Somebody has a Service of that name.
  expect(latePostgres(theirs, something)).toEqual(refused)
})

test('an upgrade that would wait for a database which an install has not come to make is refused as that', () => {
  const ours = settingsWith({})
  expect(latePostgres(ours)).toEqual([
    expect.stringMatching(
      /^The namespace \S+ has no database .* broken off .*: uninstall .*, and install again\.$/,
    ),
  ])
  // Nothing was installed; it is there; its StatefulSet alone was deleted, to be made larger.
  expect(latePostgres()).toEqual([''])
  expect(latePostgres(ours, something, something)).toEqual([''])
  expect(latePostgres(ours, something)).toEqual([''])
})

/** The claim of all Data as it is there, as an argument of a template. */
const claimThere = (storage: string) =>
  asArgument({
    spec: {
      storageClassName: 'nfs',
      accessModes: ['ReadWriteMany'],
      resources: { requests: { storage } },
    },
  })

test('the claim of all Data is never asked to be smaller than somebody has made it', () => {
  const asked = (size: string, claim: string) =>
    included('knitfab.sizeOfClaim', `list ${size} ${claim}`).trim()
  expect(asked('"10Gi"', 'dict')).toBe('10Gi')
  expect(asked('"10Gi"', claimThere('16106127360'))).toBe('16106127360')
  expect(asked('"10Gi"', claimThere('10240Mi'))).toBe('10Gi')
  expect(asked('"20Gi"', claimThere('15Gi'))).toBe('20Gi')
  expect(asked('1e9', claimThere('1Gi'))).toBe('1Gi')
})

test('what cannot be changed of the claim of all Data is refused, with what it is', () => {
  const said = (volumes: object, claim = claimThere('1Gi')) =>
    included('knitfab.fixedClaim', `list . ${claim}`, { volumes }).trim()
  expect(said({ storageClass: 'fast', accessMode: 'ReadWriteOnce' })).toMatch(
    /^volumes\.storageClass is fast, and cannot be changed from nfs any more: set it back; .*\nvolumes\.accessMode is ReadWriteOnce, and cannot be changed from ReadWriteMany any more: set it back; /,
  )
  expect(said({ storageClass: 'nfs' })).toBe('')
  expect(said({})).toBe('')
  expect(said({ storageClass: 'fast', accessMode: 'ReadWriteOnce' }, 'dict')).toBe('')
})

test('another who makes the load balancer is refused while the one before has it, with what to do', () => {
  const said = (there: object, loadBalancerClass: string, type = 'LoadBalancer') =>
    included('knitfab.fixedBalancer', `list . ${asArgument(there)}`, {
      gateway: { service: { type, loadBalancerClass } },
    }).trim()
  const balancer = (loadBalancerClass?: string) => ({
    spec: { type: 'LoadBalancer', loadBalancerClass },
  })
  expect(said(balancer('theirs'), 'ours')).toMatch(
    /^gateway\.service\.loadBalancerClass is ours, and cannot be changed from theirs any more: set it back, or delete the Service before you upgrade \(kubectl --namespace \S+ delete service gateway\)/,
  )
  expect(said(balancer(), 'ours')).toMatch(
    /cannot be changed from the class of the cluster any more/,
  )
  expect(said(balancer('ours'), 'ours')).toBe('')
  expect(said(balancer('theirs'), '')).toBe('')
  expect(said({ spec: { type: 'NodePort' } }, 'ours')).toBe('')
  expect(said({}, 'ours')).toBe('')
})

test('a namespace that would take no program is refused, with what to do', () => {
  const said = (enforce: string, profile: string) => {
    const namespace = { metadata: { labels: { 'pod-security.kubernetes.io/enforce': enforce } } }
    const values = { workers: { profile } }
    return included('knitfab.noPrograms', `list . ${asArgument(namespace)}`, values).trim()
  }
  expect(said('restricted', 'baseline')).toMatch(
    /^workers\.profile is baseline, while the namespace \S+ enforces the restricted .*: set workers\.profile to restricted, or kubectl label --overwrite namespace/,
  )
  expect(said('restricted', 'restricted')).toBe('')
  expect(said('baseline', 'baseline')).toBe('')
  expect(included('knitfab.noPrograms', 'list . dict').trim()).toBe('')
})

test('a quota of limits is refused where nothing gives containers one that name none', () => {
  const quota = (hard: object, more: object = {}) => ({
    items: [{ metadata: { name: 'theirs' }, spec: { hard, ...more } }],
  })
  const range = (type: string, defaults: object) => ({
    items: [{ spec: { limits: [{ type, default: defaults }] } }],
  })
  const said = (quotas: object, ranges: object = {}) =>
    included('knitfab.missingDefaults', `list . ${[quotas, ranges].map(asArgument).join(' ')}`)
      .trim()
      .split('\n')
  const both = quota({ 'limits.cpu': '8', 'limits.memory': '8Gi', 'requests.cpu': '4', pods: '9' })
  expect(said(both)).toEqual([
    expect.stringMatching(
      /^The namespace \S+ has the ResourceQuota theirs of limits\.cpu, .*: make a LimitRange .*default: \{cpu: 1\}\}\]\}\)\.$/,
    ),
    expect.stringMatching(/limits\.memory, .*default: \{memory: 512Mi\}\}\]\}\)\.$/),
  ])
  expect(said(both, range('Container', { cpu: '1', memory: '1Gi' }))).toEqual([''])
  expect(said(both, range('Container', { cpu: '1' }))).toHaveLength(1)
  expect(said(both, range('Pod', { cpu: '1', memory: '1Gi' }))).toHaveLength(2)
  expect(said(quota({ 'requests.cpu': '4', pods: '9' }))).toEqual([''])
  expect(said(quota({ 'limits.cpu': '8' }, { scopes: ['BestEffort'] }))).toEqual([''])
  expect(said({})).toEqual([''])
})

test('what Knative is set not to allow of a function is refused, also what the function asks for itself', () => {
  const said = (autoscaler: object, defaults: object, functions: object = {}) =>
    included(
      'knitfab.beyondKnative',
      `list . ${[autoscaler, defaults].map((data) => asArgument({ data })).join(' ')}`,
      { functions },
    )
      .trim()
      .split('\n')
  expect(said({}, {})).toEqual([''])
  const own = { timeout: 601, concurrency: 1001, maxScale: 9 }
  expect(said({}, {}, { 'api-data-show': own })).toEqual([
    expect.stringMatching(/^functions\.api-data-show\.concurrency is 1001, .* allows 1000 at most/),
    expect.stringMatching(/^functions\.api-data-show\.timeout is 601, .* allows 600 at most here:/),
  ])
  const more = {
    'container-concurrency-max-limit': '2000',
    'max-revision-timeout-seconds': '900',
  }
  expect(said({ 'max-scale-limit': '9' }, more, { 'api-data-show': own })).toEqual([''])
  expect(said({ 'max-scale-limit': '1' }, {})).toContainEqual(
    `functions.step-start-run.maxScale is 2, and Knative allows 1 at most here: say less, or kubectl -n knative-serving patch configmap config-autoscaler --type merge -p '{"data":{"max-scale-limit":"2"}}'.`,
  )
  expect(said({}, { 'max-revision-timeout-seconds': '120' })).toContainEqual(
    expect.stringMatching(/^functions\.api-admin-check\.timeout is 300, .* allows 120 at most/),
  )
})

test('policies that would keep away the ingress of Knative are refused', () => {
  const said = (network: object, networkPolicies: object = {}) =>
    included('knitfab.otherIngress', `list . ${asArgument(network)}`, {
      networkPolicies,
    }).trim()
  const of = (word: string) => ({
    data: { 'ingress-class': `${word}.ingress.networking.knative.dev` },
  })
  const instead =
    /names kourier-system, while the ingress of Knative is (istio|contour)\..*: name the/
  expect(said(of('contour'))).toMatch(instead)
  // What Knative takes that was told nothing.
  expect(said({ data: { autocreate: 'true' } })).toMatch(instead)
  expect(said(of('kourier'))).toBe('')
  expect(said({})).toBe('')
  expect(said(of('istio'), { enabled: false })).toBe('')
  const knative = [{ matchLabels: { 'kubernetes.io/metadata.name': 'istio-system' } }]
  expect(said(of('istio'), { knative })).toBe('')
})

test('a cluster without the Prometheus operator is refused where its kinds are asked for', () => {
  const versions = [serving, ...eventing]
  const values = { monitoring: { enabled: true } }
  expect(refusal(values, known(...versions))).toMatch(
    /monitoring\.operator is true, .* install the Prometheus operator .* or set monitoring\.operator to false/,
  )
  expect(render(values, known(...versions, 'monitoring.coreos.com/v1'))).not.toEqual([])
  const without = { monitoring: { enabled: true, operator: false } }
  expect(render(without, known(...versions))).not.toEqual([])
})

test('without a cluster the chart is rendered all the same', () => {
  expect(render({ volumes: { storageClass: 'nobody-knows' } })).not.toEqual([])
})

test('a Kubernetes that is too old is refused, with the version that it takes', () => {
  expect(refusal({}, ['--kube-version', '1.28.9'])).toMatch(
    />=1\.29\.0-0 which is incompatible with Kubernetes v?1\.28\.9/,
  )
  for (const version of ['1.29.0', 'v1.30.5-gke.1000', '1.34.1'])
    expect(render({}, ['--kube-version', version])).not.toEqual([])
})
