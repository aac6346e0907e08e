import { readFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { parse } from 'yaml'
import { labelsFor } from '#shared/adapters/kubernetes-cluster/labels.ts'
import { test, type There } from './cluster.ts'
import { call, chart, podsOf, render, renderText, type Manifest, type Values } from './helm.ts'
import { madePods } from './pods.ts'

const everything = parse(readFileSync(`${chart}/ci/everything-values.yaml`, 'utf8')) as Values

/** What the API server would make of all that is rendered; the accounts are made, for Knative looks for them. */
function dryRun({ namespace, must }: There, values: Values, release = 'knitfab'): string[] {
  const text = renderText(values, [], { release, namespace })
  const documents = text.split(/^---$/m)
  const accounts = documents.filter((document) => /^kind: ServiceAccount$/m.test(document))
  must(['apply', '--filename', '-'], accounts.join('\n---\n'))
  return linesOf(must(['apply', '--dry-run=server', '--filename', '-'], text))
}

const linesOf = (text: string) => text.split('\n').filter(Boolean)

describe('the API server takes', () => {
  test('all that is made with the values of the chart', ({ there }) => {
    expect(dryRun(there, {})).toHaveLength(render({}).length)
  })

  test('all that is made with every value set, where Knative allows it', ({ there }) => {
    // What this Knative does not allow is refused by it, and known before: see below.
    const { defaults, functions } = everything as Record<string, Record<string, unknown>>
    const allowed = {
      ...everything,
      defaults: { resources: defaults?.['resources'] },
      functions: {
        gateway: functions?.['gateway'],
        'step-start-run': { minScale: 2, maxScale: 10, concurrency: 8, timeout: 120 },
      },
      knative: { clusterDomain: 'cluster.local' },
      broker: { class: 'MTChannelBasedBroker' },
      // Its kinds are those of the Prometheus operator, which is not here.
      monitoring: { enabled: true, operator: false, annotations: true },
    }
    expect(dryRun(there, allowed, 'r'.repeat(53))).toHaveLength(render(allowed).length)
  })

  test('the storage class of the README', ({ there }) => {
    const file = `${chart}/examples/nfs-storage-class.yaml`
    expect(there.must(['apply', '--dry-run=server', '--filename', file])).toContain('knitfab-nfs')
  })

  test('the priority class of the README, and the quota of those that have it', ({ there }) => {
    const file = `${chart}/examples/programs-make-room.yaml`
    const text = readFileSync(file, 'utf8').replace(
      'namespace: knitfab',
      `namespace: ${there.namespace}`,
    )
    const made = there.must(['apply', '--dry-run=server', '--filename', '-'], text)
    expect(linesOf(made)).toEqual([
      expect.stringContaining('priorityclass.scheduling.k8s.io/knitfab-programs created'),
      expect.stringContaining('resourcequota/knitfab-programs created'),
    ])
  })
})

/** A Pod as somebody would make it by hand: a namespace refuses that, and of what makes Pods it only warns. */
const podOf = (spec: object, index: number) => {
  // Of Knative alone, which says itself where probes go; and a claim that a StatefulSet makes.
  const known = JSON.parse(JSON.stringify(spec), (key, value: unknown) => {
    if (['containerConcurrency', 'timeoutSeconds'].includes(key)) return undefined
    if (key === 'httpGet') return { port: 8080, ...(value as object) }
    return key === 'volumeMounts' ? undefined : value
  }) as object
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${index}` },
    spec: { restartPolicy: 'Always', ...known, serviceAccountName: 'default' },
  }
}

/** The Pods that a namespace would take which enforces a profile. */
function admitted({ namespace, must }: There, profile: string, pods: readonly object[]): string[] {
  must(['label', 'namespace', namespace, `pod-security.kubernetes.io/enforce=${profile}`])
  return linesOf(must(['apply', '--dry-run=server', '--filename', '-'], pods.map(podOf)))
}

test.for([
  ['each Data has a claim', 'per-data'],
  ['all Data share a claim', 'shared'],
])(
  'where %s a namespace with the restricted profile takes every Pod of the chart, and agents',
  ([, layout], { there }) => {
    const { agent } = madePods()
    const volumes = { layout, expander: { enabled: true } }
    const own = [...podsOf(render({ uninstall: { deleteData: true }, volumes })).values()]
    const all = [...own.map(({ spec }) => spec), ...(agent ? [agent] : [])]
    expect(admitted(there, 'restricted', all)).toHaveLength(own.length + 1)
  },
)

test('a namespace with the baseline profile takes programs', ({ there }) => {
  const { program } = madePods()
  expect(admitted(there, 'baseline', program ? [program] : [])).toHaveLength(1)
})

test('programs reach the API server where it is, and no other address', ({ there }) => {
  const addresses = there.must([
    'get',
    'endpointslice',
    'kubernetes',
    '--namespace=default',
    '--output=jsonpath={.endpoints[*].addresses[*]}',
  ])
  const rules = /^  name: programs-api-server$[\s\S]*?^---/m
  const [policy = ''] = rules.exec(there.tryInstall().out) ?? []
  for (const address of addresses.split(' ')) expect(policy).toContain(`cidr: ${address}/`)
  expect(policy).not.toContain('0.0.0.0/0')
  const [open] = rules.exec(there.tryInstall({ preflight: false }).out) ?? []
  expect(open).toContain('0.0.0.0/0')
})

test('whoever reads a secret of the admin begins anew when it has changed, and nobody else', ({
  there,
}) => {
  const write = (name: string, key: string, value: string) =>
    there.must(
      ['apply', '--filename', '-'],
      [
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name },
          stringData: { [key]: value.repeat(40) },
        },
      ],
    )
  /** What is said of secrets in the Pods of the gateway, and in all others. */
  const sums = (more: Values = {}) => {
    const { out } = there.tryInstall({ secrets: { signingKey: 'key', token: 'token' }, ...more })
    const all = [...out.matchAll(/knitfab\.dev\/secrets: "(\w+)"/g)].map(([, sum]) => sum)
    const others = mostOf(all)
    return { gateway: all.find((sum) => sum !== others), others }
  }
  write('key', 'KNIT_SIGNING_KEY', 'a')
  write('token', 'KNIT_TOKEN', 'a')
  const before = sums()
  expect(sums()).toEqual(before)
  write('token', 'KNIT_TOKEN', 'b')
  const newToken = sums()
  expect(newToken.others).toBe(before.others)
  expect(newToken.gateway).not.toBe(before.gateway)
  write('key', 'KNIT_SIGNING_KEY', 'b')
  expect(sums().others).not.toBe(before.others)
  expect(sums({ preflight: false })).toEqual({})
})

const mostOf = (words: readonly (string | undefined)[]) =>
  words.find((word) => words.filter((other) => other === word).length > 1)

describe('before anything is made helm says', () => {
  test('nothing, where all is well', ({ there }) => {
    expect(there.tryInstall()).toMatchObject({ code: 0 })
  })

  test('what is named and is not there, each with what to do', ({ there }) => {
    const { code, err } = there.tryInstall({
      image: { pullSecrets: [{ name: 'no-registry' }] },
      volumes: { storageClass: 'no-storage' },
      postgres: { storageClass: 'no-disk', priorityClassName: 'no-rank' },
      jobs: { priorityClassName: 'no-turn' },
      workers: {
        priorityClass: 'no-priority',
        serviceAccounts: ['nobody'],
        imagePullSecrets: ['no-secret'],
      },
      defaults: { priorityClassName: 'no-hurry', nodeSelector: { knit: 'functions' } },
      functions: { 'step-start-run': { affinity: { nodeAffinity: {} } } },
      secrets: { signingKey: 'no-key', token: 'no-token' },
      tracing: { endpoint: 'http://192.0.2.6:4318', headersSecret: 'no-headers' },
      networkPolicies: { traces: [{ to: [{ ipBlock: { cidr: '192.0.2.6/32' } }] }] },
      gateway: {
        tlsSecret: 'no-tls',
        ingress: { enabled: true, host: 'h', className: 'no-class' },
      },
      broker: { create: false, name: 'no-broker', workers: 'no-workers' },
      knative: { zeroInitialScale: true },
    })
    expect(code).toBe(1)
    for (const [value, name] of [
      ['image.pullSecrets', 'Secret no-registry'],
      ['volumes.storageClass', 'StorageClass no-storage'],
      ['postgres.storageClass', 'StorageClass no-disk'],
      ['workers.priorityClass', 'PriorityClass no-priority'],
      ['workers.serviceAccounts', 'ServiceAccount nobody'],
      ['workers.imagePullSecrets', 'Secret no-secret'],
      ['defaults.priorityClassName', 'PriorityClass no-hurry'],
      ['jobs.priorityClassName', 'PriorityClass no-turn'],
      ['postgres.priorityClassName', 'PriorityClass no-rank'],
      ['tracing.headersSecret', 'Secret no-headers'],
      ['secrets.signingKey', 'Secret no-key'],
      ['secrets.token', 'Secret no-token'],
      ['gateway.tlsSecret', 'Secret no-tls'],
      ['gateway.ingress.className', 'IngressClass no-class'],
      ['broker.name', 'Broker no-broker'],
      ['broker.workers', 'Broker no-workers'],
    ])
      expect(err).toMatch(new RegExp(`- ${value} names the ${name}, which [^\\n]*: [^\\n]+`))
    expect(err).toMatch(/- defaults\.nodeSelector is something .* patch configmap config-features/)
    expect(err).toMatch(/- functions\.step-start-run\.affinity is something/)
    expect(err).toMatch(
      /- knative\.zeroInitialScale is something .* patch configmap config-autoscaler/,
    )
  })

  test('that nobody takes events for a class of brokers', ({ there }) => {
    expect(there.tryInstall({ broker: { class: 'Kafka' } }).err).toMatch(
      /broker\.class is Kafka, for which .* no Service kafka-broker-ingress: install the brokers/,
    )
    const elsewhere = { class: 'Kafka', url: 'http://events.test/there' }
    expect(there.tryInstall({ broker: elsewhere })).toMatchObject({ code: 0 })
  })

  test('which classes of storage there are', ({ there }) => {
    const classes = there.must([
      'get',
      'storageclass',
      '--output',
      'jsonpath={.items[*].metadata.name}',
    ])
    expect(there.tryInstall({ volumes: { storageClass: 'none' } }).err).toContain(
      `take one that it has (${classes.split(' ').join(', ')})`,
    )
  })

  test('which key a secret lacks, and which is too short', ({ there }) => {
    there.must(['create', 'secret', 'generic', 'empty', '--from-literal=other=1'])
    there.must(['create', 'secret', 'generic', 'short', '--from-literal=KNIT_TOKEN=1'])
    const { err } = there.tryInstall({ secrets: { signingKey: 'empty', token: 'short' } })
    expect(err).toMatch(/secrets\.signingKey .* KNIT_SIGNING_KEY is missing: make it anew/)
    expect(err).toMatch(/secrets\.token .* KNIT_TOKEN is shorter than 16 characters/)
  })

  test('that a secret has all it needs, by saying nothing of it', ({ there }) => {
    const key = `--from-literal=KNIT_SIGNING_KEY=${'s'.repeat(32)}`
    there.must([
      'create',
      'secret',
      'generic',
      'ours',
      key,
      '--from-literal=KNIT_TOKEN=a-long-enough-token',
    ])
    expect(there.tryInstall({ secrets: { signingKey: 'ours', token: 'ours' } })).toMatchObject({
      code: 0,
    })
  })

  test('whose a namespace is that another release has, or has left', ({ there }) => {
    const of = (release: string) => ({
      labels: { 'app.kubernetes.io/managed-by': 'Helm', 'app.kubernetes.io/part-of': 'knit' },
      annotations: {
        'meta.helm.sh/release-name': release,
        'meta.helm.sh/release-namespace': there.namespace,
      },
    })
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'knitfab-token', ...of('first') },
      stringData: { KNIT_TOKEN: 'a-long-enough-token' },
    }
    there.must(['apply', '--filename', '-'], [secret])
    expect(there.tryInstall().err).toMatch(
      /Secret knitfab-token of the release first, which has left its Data there: install as first/,
    )
    const settings = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'knitfab-settings', ...of('first') },
    }
    there.must(['apply', '--filename', '-'], [settings])
    expect(there.tryInstall().err).toMatch(/in use by the release first, and has room for one/)
  })

  test('which values cannot be changed any more, and what to do about each', ({ there }) => {
    there.must(['apply', '--filename', '-'], madeBefore(there))
    expect(there.tryInstall()).toMatchObject({ code: 0 })
    expect(there.tryInstall({ postgres: { size: '20480Mi' } })).toMatchObject({ code: 0 })
    const { code, err } = there.tryInstall({
      broker: { class: 'Theirs', url: 'http://events.test', config: { name: 'other' } },
      postgres: { size: '30Gi', storageClass: 'fast' },
      volumes: { layout: 'shared' },
    })
    expect(code).toBe(1)
    for (const [value, now, before, remedy] of [
      ['broker.class', 'Theirs', 'MTChannelBasedBroker', 'set it back, or uninstall'],
      ['broker.config', '{"name":"other"}', '{}', 'set it back, or uninstall'],
      ['postgres.size', '30Gi', '20Gi', 'set it back, or resize the claim'],
      [
        'postgres.storageClass',
        'fast',
        'the class of the cluster',
        'set it back; a database moves',
      ],
      ['volumes.layout', 'shared', 'per-data', 'set it back; Data of one layout'],
    ])
      expect(err).toContain(
        `${value} is ${now}, and cannot be changed from ${before} any more: ${remedy}`,
      )
    for (const [value, before] of [
      ['name', 'knitfab'],
      ['workers', 'knitfab-workers'],
    ] as const)
      expect(there.tryInstall({ broker: { [value]: 'other' } }).err).toContain(
        `broker.${value} is other, and cannot be changed from ${before} any more: set it back, or uninstall`,
      )
  })

  test('that Data were left which another layout would not see', ({ there }) => {
    there.must(['apply', '--filename', '-'], [claim('d', labelsFor('data', 'd', {}))])
    const shared = { volumes: { layout: 'shared' } }
    expect(there.tryInstall()).toMatchObject({ code: 0 })
    expect(there.tryInstall(shared).err).toMatch(/volumes\.layout is shared, .* from per-data/)
  })

  test('that somebody else has a Service of a name we need', ({ there }) => {
    there.must(['create', 'service', 'clusterip', 'postgres', '--tcp=5432'])
    expect(there.tryInstall().err).toMatch(/has a Service postgres that is not of this release/)
  })

  test('that a database was left whose password is gone', ({ there }) => {
    there.must(['apply', '--filename', '-'], [claim('data-postgres-0')])
    expect(there.tryInstall().err).toMatch(/claim data-postgres-0 .* no Secret knitfab-database/)
  })

  test('which right somebody lacks, and how to do without', ({ there }) => {
    const { code, err } = there.tryInstall({}, [
      '--kube-as-user',
      'nobody',
      '--kube-as-group',
      'none',
    ])
    expect(code).toBe(1)
    expect(err).toMatch(/is forbidden: User "nobody" cannot \w+ resource/)
    expect(err).toMatch(/"knitfab\.\w+: set preflight=false if you may not look at what follows"/)
  })

  test('the same to who may do everything in the namespace, and look at nothing else', ({
    there,
  }) => {
    there.must(['create', 'rolebinding', 'somebody', '--clusterrole=admin', '--user=somebody'])
    const asSomebody = ['--kube-as-user', 'somebody']
    const apiServer = [{ to: [{ ipBlock: { cidr: '192.0.2.1/32' } }] }]
    const { err } = there.tryInstall({ networkPolicies: { apiServer } }, asSomebody)
    expect(err).toMatch(/is forbidden: User "somebody" cannot \w+ resource/)
    expect(err).toContain('"knitfab.preflight: set preflight=false if you may not look')
    expect(there.tryInstall({ preflight: false }, asSomebody)).toMatchObject({ code: 0 })
  })

  test('what does without the questions, to who may not ask them', ({ there }) => {
    expect(there.tryInstall({ preflight: false, volumes: { storageClass: 'none' } })).toMatchObject(
      {
        code: 0,
      },
    )
  })
})

const claim = (name: string, labels = {}) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, labels },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
})

/** What a release has made of the values of the chart, as far as it matters to the next; nothing runs. */
function madeBefore({ namespace }: There): Manifest[] {
  const kinds = ['ConfigMap', 'Broker', 'Trigger', 'StatefulSet']
  const made = render({}, [], { release: 'knitfab', namespace })
  return made
    .filter(({ kind }) => kinds.includes(kind))
    .map(({ metadata, spec, ...rest }) => ({
      ...rest,
      metadata: {
        ...metadata,
        annotations: {
          ...metadata.annotations,
          'meta.helm.sh/release-name': 'knitfab',
          'meta.helm.sh/release-namespace': namespace,
        },
      },
      ...(spec && { spec: rest.kind === 'StatefulSet' ? { ...spec, replicas: 0 } : spec }),
    }))
}

describe('helm tells what to do next', () => {
  const notesOf = (out: string) => out.slice(out.indexOf('\nNOTES:'))
  test.for([
    [
      'by a forwarded port',
      {},
      ['port-forward service/gateway 8080:80', 'http://127.0.0.1:8080/api'],
    ],
    [
      'by a port of nodes',
      { gateway: { service: { type: 'NodePort' } } },
      ["jsonpath='{.spec.ports[0].nodePort}'", 'API=http://$HOST:$PORT/api'],
    ],
    [
      'by a load balancer',
      { gateway: { service: { type: 'LoadBalancer' } } },
      ['.status.loadBalancer.ingress[0].ip', 'API=http://$HOST/api'],
    ],
    [
      'by an Ingress',
      { gateway: { ingress: { enabled: true, host: 'knit.test', tlsSecret: 'their-tls' } } },
      ['API=https://knit.test/api', 'get secret their-tls'],
    ],
  ] as const)('%s', ([, values, words], { there }) => {
    const notes = notesOf(there.tryInstall(values).out)
    for (const word of words) expect(notes).toContain(word)
    expect(notes).toContain('get secret knitfab-token')
    expect(notes).toContain('knit admin token create')
    expect(notes).toContain('leaves Data, database and secrets')
  })

  test('by which address a node is reached, however many it has and of whatever kind', ({
    there,
  }) => {
    const notes = notesOf(there.tryInstall({ gateway: { service: { type: 'NodePort' } } }).out)
    const [command = ''] = /^ *HOST=.*$/m.exec(notes) ?? []
    const hostAt = (addresses: string) =>
      call(['bash', '-c', `kubectl() { printf '${addresses}'; }\n${command}\nprintf %s "$HOST"`])
        .out
    expect(hostAt('192.0.2.1')).toBe('192.0.2.1')
    expect(hostAt('192.0.2.1 2001:db8::1')).toBe('192.0.2.1')
    expect(hostAt('2001:db8::1 192.0.2.1')).toBe('[2001:db8::1]')
  })

  test('that a token goes in clear text, wherever it leaves the cluster', ({ there }) => {
    const said = (gateway: object) =>
      /in clear text; (\S+) names/.exec(notesOf(there.tryInstall({ gateway }).out))?.[1]
    for (const type of ['NodePort', 'LoadBalancer'])
      expect(said({ service: { type } })).toBe('gateway.tlsSecret')
    const ingress = { enabled: true, host: 'knit.test' }
    expect(said({ ingress })).toBe('gateway.ingress.tlsSecret')
    expect(said({ ingress: { ...ingress, tlsSecret: 'their-tls' } })).toBeUndefined()
    expect(said({})).toBeUndefined()
  })

  test('with a certificate of the gateway', ({ there }) => {
    there.must(['apply', '--filename', '-'], [tls])
    const notes = notesOf(there.tryInstall({ gateway: { tlsSecret: 'gateway-tls' } }).out)
    expect(notes).toContain('HOST is a name that the certificate in gateway-tls is for')
    expect(notes).toContain('port-forward service/gateway 8080:443')
    expect(notes).toContain('API=https://$HOST:8080/api')
    expect(notes).toContain('cert: {ca: %s}')
  })

  test('that all goes with the release, where it was told so', ({ there }) => {
    const notes = notesOf(there.tryInstall({ uninstall: { deleteData: true } }).out)
    expect(notes).toContain('deletes Data, database and secrets as well')
    expect(notes).not.toContain('stay')
  })

  test('that a database and secrets of others stay all the same', ({ there }) => {
    there.must(['create', 'secret', 'generic', 'theirs', '--from-literal=KNIT_DATABASE_URL=x'])
    const values = {
      uninstall: { deleteData: true },
      postgres: { enabled: false },
      secrets: { database: 'theirs' },
      networkPolicies: { enabled: false },
    }
    const notes = notesOf(there.tryInstall(values).out)
    expect(notes).toContain('deletes Data and secrets as well')
    expect(notes).toContain('The database that theirs leads to stays')
    expect(notes).toContain('Secrets that you brought stay: theirs.')
  })
})

const tls = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'gateway-tls' },
  stringData: { 'tls.crt': 'a certificate', 'tls.key': 'its key' },
}
