import { KubeConfig } from '@kubernetes/client-node'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { json } from 'node:stream/consumers'
import { expect, test as base, vi } from 'vitest'
import { connectApi } from '#shared/adapters/kubernetes-cluster/api.ts'
import { findCluster } from '../cluster/cluster.ts'
import { mistakeIn, mistakeInPrefix, whyUnusable } from './kubeconfig.ts'

type Fixtures = {
  folder: string
  write(text: string): string
  /** A kubeconfig of which the server answers so. */
  served(answer: RequestListener): Promise<{ file: string; server: string; close(): void }>
  /** A folder with programs of these names, each with a line of shell. */
  programs(lines: Record<string, string>): string
}

const test = base.extend<Fixtures>({
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'knit-kubeconfig-'))
    await use(folder)
    rmSync(folder, { recursive: true })
  },
  write: async ({ folder }, use) =>
    use((text) => {
      const file = join(folder, 'config')
      writeFileSync(file, text)
      return file
    }),
  served: async ({ write, onTestFinished }, use) =>
    use(async (answer) => {
      const served = createServer(answer).listen(0, '127.0.0.1')
      await once(served, 'listening')
      const server = `http://127.0.0.1:${(served.address() as AddressInfo).port}`
      const close = () => {
        served.closeAllConnections()
        served.close()
      }
      onTestFinished(close)
      const cluster = `{ server: '${server}', insecure-skip-tls-verify: true }`
      return { file: write(kubeconfig('good', cluster)), server, close }
    }),
  programs: async ({ folder }, use) =>
    use((lines) => {
      const bin = join(folder, 'bin')
      mkdirSync(bin)
      for (const [name, line] of Object.entries(lines)) {
        writeFileSync(join(bin, name), `#!/bin/sh\n${line}\n`)
        chmodSync(join(bin, name), 0o755)
      }
      return bin
    }),
})

const kubeconfig = (current: string, cluster = '{ server: https://192.0.2.1:6443 }') => `
apiVersion: v1
kind: Config
current-context: ${current}
clusters: [{ name: here, cluster: ${cluster} }]
users: [{ name: me, user: {} }]
contexts:
  - { name: good, context: { cluster: here, user: me } }
  - { name: lost, context: { cluster: gone, user: me } }
`

test('a kubeconfig that is not there is named, with how to do without', () => {
  expect(mistakeIn({ file: '/nowhere/config' })).toBe(
    'KNIT_TEST_KUBECONFIG names /nowhere/config, which does not exist: name the kubeconfig of your cluster, or unset it, and a cluster is raised here.',
  )
})

test('a file that is none is said to be none', ({ write }) => {
  for (const text of ['{', 'some words', ''])
    expect(mistakeIn({ file: write(text) })).toMatch(
      /^KNIT_TEST_KUBECONFIG names \S+, which (is not a kubeconfig \(|has no current context: )/,
    )
})

test('a context that it does not have is named, with those that it has', ({ write }) => {
  const file = write(kubeconfig('bad'))
  const instead = 'name one that it has (good, lost) in KNIT_TEST_KUBECTX.'
  expect(mistakeIn({ file })).toMatch(/has no context bad: /)
  expect(mistakeIn({ file, context: 'other' })).toContain(`has no context other: ${instead}`)
  expect(mistakeIn({ file: write(kubeconfig('""')) })).toContain(`no current context: ${instead}`)
})

test('a context without a cluster is refused, and one with a cluster is not', ({ write }) => {
  const file = write(kubeconfig('lost'))
  expect(mistakeIn({ file })).toMatch(/the context lost has no cluster with a server/)
  expect(mistakeIn({ file, context: 'good' })).toBeUndefined()
})

test('a program without a cluster says how it is given one', () => {
  expect(() => connectApi(new KubeConfig())).toThrow(
    /no Kubernetes here.*: run this in a cluster, or name a kubeconfig in KUBECONFIG/,
  )
})

type Cluster = { version?: string; groups?: string[]; refuses?: string[]; status?: number }
type Review = { spec: { resourceAttributes: Record<string, string> } }

const knative = ['serving', 'eventing', 'sources'].map((name) => `${name}.knative.dev`)

/** What an API server answers, as far as it is asked before anything is made. */
const clusterThat =
  ({
    version = 'v1.34.1',
    groups = knative,
    refuses = [],
    status = 200,
  }: Cluster): RequestListener =>
  async (request, response) => {
    const reply = (body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    if (status !== 200) return reply({ kind: 'Status', message: 'Unauthorized' })
    if (request.url === '/version') return reply({ gitVersion: version })
    if (request.url === '/apis') return reply({ groups: groups.map((name) => ({ name })) })
    const { spec } = (await json(request)) as Review
    const { verb, resource, group, subresource } = spec.resourceAttributes
    const asked = [`${verb} ${resource}`, group && `.${group}`, subresource && `/${subresource}`]
    reply({ status: { allowed: !refuses.includes(asked.filter(Boolean).join('')) } })
  }

test('a cluster that has all that the tests need is usable', async ({ served, programs }) => {
  const { file } = await served(clusterThat({}))
  const path = programs({ helm: '', kubectl: '' })
  expect(await whyUnusable({ file }, { path })).toBeUndefined()
})

test('a server that is not there, or does not answer, is named, with what to do', async ({
  served,
}) => {
  const { file, server, close } = await served(() => {})
  const instead =
    /: see that it runs and is reached from here, or name another .*, or unset it, and a cluster is raised here\.$/
  const silent = await whyUnusable({ file }, { patience: 0.1 })
  expect(silent).toContain(`${server}: the API server did not answer in time`)
  expect(silent).toMatch(instead)
  close()
  const gone = await whyUnusable({ file })
  expect(gone).toMatch(new RegExp(`${server}: .*ECONNREFUSED`))
  expect(gone).toMatch(instead)
})

test('what answers and is no API server is no cluster', async ({ served }) => {
  const { file, server } = await served((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>It works!</h1>')
  })
  expect(await whyUnusable({ file })).toContain(
    `${server} answers otherwise than Kubernetes does: `,
  )
})

test('whom the server does not know is told to sign in anew', async ({ served }) => {
  const { file, server } = await served(clusterThat({ status: 401 }))
  expect(await whyUnusable({ file })).toContain(
    `${server} does not let you ask (401): sign in anew`,
  )
})

test('a Kubernetes that is too old for the chart is named with its version', async ({ served }) => {
  const { file, server } = await served(clusterThat({ version: 'v1.28.15-gke.100' }))
  expect(await whyUnusable({ file })).toContain(
    `${server} is Kubernetes v1.28.15-gke.100, and the chart takes 1.29 or later: `,
  )
})

test('what there is not of Knative is named, with where to get it', async ({ served }) => {
  const { file, server } = await served(clusterThat({ groups: ['apps', 'serving.knative.dev'] }))
  expect(await whyUnusable({ file })).toContain(
    `${server} does not know eventing.knative.dev, sources.knative.dev: install Knative`,
  )
})

test('all rights that are missing are named at once', async ({ served }) => {
  const refuses = [
    'create jobs.batch',
    'create serviceaccounts/token',
    'create triggers.eventing.knative.dev',
    'impersonate users',
  ]
  const { file, server } = await served(clusterThat({ refuses }))
  expect(await whyUnusable({ file })).toContain(
    `At ${server} you may not create serviceaccounts/token, create jobs.batch, create triggers.eventing.knative.dev, impersonate users: take the kubeconfig of `,
  )
})

test('programs that are not installed are named beside what the cluster lacks', async ({
  served,
  programs,
}) => {
  const { file } = await served(clusterThat({ groups: [] }))
  const path = programs({ helm: '' })
  expect((await whyUnusable({ file }, { path }))?.split('\n')).toEqual([
    'kubectl is not on the PATH, and the tests call it: install it.',
    expect.stringContaining('does not know serving.knative.dev'),
  ])
})

test('a cluster that does not tell its nodes leaves no copy of the credentials', async ({
  folder,
  served,
  programs,
  onTestFinished,
}) => {
  const { file } = await served(clusterThat({}))
  const bin = programs({
    helm: '',
    kubectl: 'case "$*" in "get nodes"*) exit 1 ;; *) cat "$KUBECONFIG" ;; esac',
  })
  const temporary = join(folder, 'tmp')
  mkdirSync(temporary)
  onTestFinished(() => void vi.unstubAllEnvs())
  const variables = {
    KNIT_TEST_KUBECONFIG: file,
    KNIT_TEST_KUBECTX: 'good',
    KNIT_TEST_IMAGE: 'registry.test/knitfab@sha256:1',
    PATH: [bin, process.env['PATH']].join(delimiter),
    TMPDIR: temporary,
  }
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
  await expect(findCluster()).rejects.toThrow(/^kubectl get nodes .* ended with 1/)
  expect(readdirSync(temporary)).toEqual([])
})

test('what no namespace can begin with is refused, with what can', () => {
  for (const prefix of ['ci', 'a', '0-1', 'a'.repeat(40)])
    expect(mistakeInPrefix(prefix)).toBeUndefined()
  for (const prefix of ['CI', 'my_ci', '-ci', 'ci-', 'c.i', 'a'.repeat(41)])
    expect(mistakeInPrefix(prefix)).toContain(
      `KNIT_TEST_NAMESPACE is ${prefix}, with which no namespace of the tests can begin: take at most 40 `,
    )
})
