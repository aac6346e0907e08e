import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectApi } from '#shared/client/connect.ts'
import { layoutNamed, type Installed } from './installation.ts'
import { run } from './phase.ts'
import { readyRelease, type Release } from './release.ts'
import { makeMaterial } from './work.ts'

export type AnotherRelease = Installed & Release & { kubectl(...words: string[]): Promise<string> }

/** Installs the chart in a namespace that is there, with the values of the first release and with some that differ. */
export async function installAnother(
  first: Installed,
  namespace: string,
  changes: Record<string, string> = {},
): Promise<AnotherRelease> {
  const folder = mkdtempSync('/var/tmp/knit-cluster-test-')
  const values = join(folder, 'values.json')
  writeFileSync(values, first.values)
  const all = {
    'gateway.service.nodePort': '0',
    // Those of the first are in its namespace.
    'settings.hooksBefore': 'null',
    'settings.hooksAfter': 'null',
    'tracing.endpoint': '',
    ...changes,
  }
  const set = Object.entries(all).flatMap(([name, value]) => ['--set', `${name}=${value}`])
  const where = ['--namespace', namespace, '--values', values, '--wait', '--timeout', '5m']
  await run(['helm', 'install', 'knitfab', 'charts/knitfab', ...where, ...set])
  const { 'volumes.layout': layout = first.layout } = changes
  const there = { ...first, ...(await readyRelease({}, namespace)), layout: layoutNamed(layout) }
  await makeMaterial(connectApi(there), folder)
  rmSync(folder, { recursive: true })
  return { ...there, kubectl: (...words) => run(['kubectl', '-n', namespace, ...words]) }
}
