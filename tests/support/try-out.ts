import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inject } from 'vitest'
import { signingKey } from './functions.ts'

/** Loaded before a function: says at its end whether V8 took what it had compiled before, whether Node loaded `fetch`, and whether anything was loaded beside. */
const witness = `
const vm = require('node:vm')
const { basename } = require('node:path')
const fetchIsLoaded = () => process.moduleLoadList.some((name) => name.includes('undici'))
const beside = () => Object.keys(require.cache).map((file) => basename(file)).filter((name) => name.startsWith('otlp'))
vm.Script = class extends vm.Script {
  constructor(...args) {
    super(...args)
    process.once('exit', () =>
      console.error(JSON.stringify({ taken: this.cachedDataRejected === false, fetch: fetchIsLoaded(), beside: beside() })))
  }
}`

/** Starts a function that was built as a container would, asks it for this and that, and ends it as Kubernetes would. */
export async function tryOut(folder: string, name: string, more: Record<string, string> = {}) {
  const witnessAt = join(folder, 'witness.cjs')
  writeFileSync(witnessAt, witness)
  const { path } = inject('postgres')
  const env = {
    PATH: process.env['PATH'],
    KNIT_HOST: '127.0.0.1',
    KNIT_PORT: '0',
    KNIT_METRICS_PORT: '0',
    KNIT_SIGNING_KEY: signingKey,
    KNIT_DATABASE_URL: 'postgres:///postgres',
    PGHOST: dirname(path),
    PGUSER: 'knit',
    ...more,
  }
  const args = ['--require', witnessAt, join(folder, 'start.cjs'), name]
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const closed = once(child, 'close')
  while (!/telling metrics/.test(log)) await once(child.stderr, 'data')
  const [port, metricsPort] = [...log.matchAll(/"port":(\d+)/g)].map(([, number]) => number)
  const metrics = await fetch(`http://127.0.0.1:${metricsPort}/metrics`).then((told) => told.text())
  const hidden = await fetch(`http://127.0.0.1:${port}/metrics`)
  const response = await fetch(`http://127.0.0.1:${port}/readyz`)
  const ready = await response.text()
  const { status } = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' })
  const inDumps = readFileSync(`/proc/${child.pid}/coredump_filter`, 'utf8').trim()
  child.kill('SIGTERM')
  const [code] = (await closed) as [number | null]
  const [seen] = /^\{"taken".*$/m.exec(log) ?? ['{}']
  return {
    name,
    ready,
    refused: status >= 400,
    inDumps,
    code,
    tells: /^knit_build_info\{version="\d/m.test(metrics) && hidden.status >= 400,
    tellsOfSystem: /^knit_database_up /m.test(metrics),
    ...(JSON.parse(seen) as object),
  }
}
