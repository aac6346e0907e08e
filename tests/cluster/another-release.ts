import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectApi } from '#shared/client/connect.ts'
import type { Installed } from './installation.ts'
import { run } from './phase.ts'
import { knativeKinds } from './release.ts'
import { makeMaterial } from './work.ts'

export type AnotherRelease = Installed & {
  kubectl(...words: string[]): Promise<string>
  remove(): Promise<void>
}

export type AnotherOptions = {
  /** Of the first release, as JSON, where that is not there any more. */
  values?: string
  changes?: Record<string, string>
}

/** Installs the chart in a namespace that is there, with the values of the first release and with some that differ. */
export async function installAnother(
  first: Installed,
  namespace: string,
  { values: text, changes = {} }: AnotherOptions = {},
): Promise<AnotherRelease> {
  const folder = mkdtempSync('/var/tmp/knit-cluster-test-')
  const kubectl = (...words: string[]) => run(['kubectl', '-n', namespace, ...words])
  const values = join(folder, 'values.json')
  writeFileSync(values, text ?? (await valuesOf(first)))
  const all = {
    'gateway.service.nodePort': '0',
    // Those of the first are in its namespace.
    'settings.hooksBefore': 'null',
    'settings.hooksAfter': 'null',
    ...changes,
  }
  const set = Object.entries(all).flatMap(([name, value]) => ['--set', `${name}=${value}`])
  const where = ['--namespace', namespace, '--values', values, '--wait', '--timeout', '5m']
  await run(['helm', 'install', 'knitfab', 'charts/knitfab', ...where, ...set])
  for (const kind of knativeKinds)
    await kubectl('wait', '--for=condition=Ready', '--timeout=180s', '--all', kind)
  const read = (kind: string, name: string, path: string) =>
    kubectl('get', kind, name, '-o', `jsonpath=${path}`)
  const apiRoot = new URL(first.apiRoot)
  apiRoot.port = await read('service', 'gateway', '{.spec.ports[0].nodePort}')
  const token = await read('secret', 'knitfab-token', '{.data.KNIT_TOKEN}')
  const there = {
    ...first,
    namespace,
    apiRoot: apiRoot.href,
    token: Buffer.from(token, 'base64').toString(),
  }
  await makeMaterial(connectApi(there), folder)
  rmSync(folder, { recursive: true })
  return { ...there, kubectl, remove: () => remove(namespace) }
}

/** As JSON. */
export const valuesOf = ({ namespace }: Installed): Promise<string> =>
  run(['helm', 'get', 'values', 'knitfab', '--namespace', namespace, '--output', 'json'])

async function remove(namespace: string): Promise<void> {
  await run(['helm', 'uninstall', 'knitfab', '--namespace', namespace, '--ignore-not-found'])
  await run(['kubectl', '-n', namespace, 'delete', 'pod', '--all', '--force'])
  const name = ['namespace', namespace]
  await run(['kubectl', 'delete', ...name, '--ignore-not-found', '--timeout', '120s'])
}
