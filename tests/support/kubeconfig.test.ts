import { KubeConfig } from '@kubernetes/client-node'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test as base } from 'vitest'
import { connectApi } from '#shared/adapters/kubernetes-cluster/api.ts'
import { mistakeIn } from './kubeconfig.ts'

const test = base.extend<{ write(text: string): string }>({
  write: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'knit-kubeconfig-'))
    await use((text) => {
      const file = join(folder, 'config')
      writeFileSync(file, text)
      return file
    })
    rmSync(folder, { recursive: true })
  },
})

const kubeconfig = (current: string) => `
apiVersion: v1
kind: Config
current-context: ${current}
clusters: [{ name: here, cluster: { server: https://192.0.2.1:6443 } }]
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
