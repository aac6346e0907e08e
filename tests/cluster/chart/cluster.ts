import { test as base } from 'vitest'
import { newNamespace } from '#tests/support/kubernetes.ts'
import { call, chart, helm, type Outcome, type Values } from './helm.ts'

/** A namespace of its own in the cluster of the tests, and what admins use there. */
export type There = {
  namespace: string
  kubectl(words: readonly string[], objects?: readonly object[] | string): Outcome
  /** The same, where it has to succeed; answers what it prints. */
  must(words: readonly string[], objects?: readonly object[] | string): string
  /** As `helm install` would, up to where it would begin to make things. */
  tryInstall(values?: Values, more?: readonly string[]): Outcome
}

// JSON, of which every reader understands the same.
const documents = (objects: readonly object[] | string) =>
  typeof objects === 'string' ? objects : objects.map((one) => JSON.stringify(one)).join('\n')

function open(namespace: string): There {
  const kubectl: There['kubectl'] = (words, objects = []) =>
    call(['kubectl', '--namespace', namespace, ...words], documents(objects))
  return {
    namespace,
    kubectl,
    must(words, objects) {
      const { code, out, err } = kubectl(words, objects)
      if (code !== 0) throw new Error(`kubectl ${words.join(' ')}: ${err}`)
      return out
    },
    tryInstall: (values, more = []) =>
      helm(
        ['install', 'knitfab', chart, '--namespace', namespace, '--dry-run=server', ...more],
        values,
      ),
  }
}

export const test = base.extend<{ there: There }>({
  there: async ({}, use) => {
    const there = open(newNamespace())
    there.must(['create', 'namespace', there.namespace])
    try {
      await use(there)
    } finally {
      // A namespace would wait for the grace of its Pods.
      there.must(['delete', 'job', '--all', '--cascade=orphan'])
      there.must(['delete', 'pod', '--all', '--force'])
      there.must(['delete', 'namespace', there.namespace, '--wait=false'])
    }
  },
})
