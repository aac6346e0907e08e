import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../phase.ts'

/** A database that somebody else keeps: what a release has to be told of it. */
export type TheirDatabase = {
  /** As `kubectl create secret generic` takes it. */
  secret: string[]
  values: Record<string, string>
  remove(): Promise<unknown>
}

// Some of it has to be percent-encoded in a URL.
const password = 'p/w:1'

/** Makes one in a namespace of its own, with the PostgreSQL that the chart has with these values. */
export async function makeDatabase(values: string, namespace: string): Promise<TheirDatabase> {
  const folder = mkdtempSync('/var/tmp/knit-cluster-test-')
  const file = (name: string) => join(folder, name)
  writeFileSync(file('values.json'), values)
  const where = ['--namespace', namespace, '--values', file('values.json')]
  const only = ['--show-only', 'templates/postgres.yaml']
  writeFileSync(
    file('postgres.yaml'),
    await run(['helm', 'template', 'knitfab', 'charts/knitfab', ...where, ...only]),
  )
  const kubectl = (...words: string[]) => run(['kubectl', '-n', namespace, ...words])
  await kubectl('create', 'namespace', namespace)
  const known = `--from-literal=POSTGRES_PASSWORD=${password}`
  await kubectl('create', 'secret', 'generic', 'knitfab-database', known)
  await kubectl('apply', '--filename', file('postgres.yaml'))
  rmSync(folder, { recursive: true })
  await kubectl('rollout', 'status', 'statefulset/postgres', '--timeout', '180s')
  const name = 'knitfab-postgres'
  const host = `postgres.${namespace}.svc.cluster.local`
  const url = `postgres://knit:${encodeURIComponent(password)}@${host}/knit`
  const itsNamespace = 'namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name'
  return {
    secret: [name, `--from-literal=KNIT_DATABASE_URL=${url}`],
    values: {
      'postgres.enabled': 'false',
      'secrets.database': name,
      [`networkPolicies.database[0].to[0].${itsNamespace}`]: namespace,
    },
    remove: () => run(['kubectl', 'delete', 'namespace', namespace, '--timeout', '120s']),
  }
}
