import { createInterface } from 'node:readline'
import { connect } from '#shared/database/sql.ts'
import { systemClock } from '#shared/ports/clock.ts'
import { configFrom } from '#shared/runtime/config.ts'
import { createLog } from '#shared/runtime/log.ts'
import { createMetrics } from '#shared/runtime/metrics.ts'
import { createTracer } from '#shared/runtime/tracer.ts'
import { FolderTransfers } from '#tests/support/folder-transfers.ts'
import { ScriptedCluster } from '#tests/support/scripted-cluster.ts'
import { openDoor } from '../../local/door.ts'

// Run as a process of its own: `memory.probe.ts <url> <socket folder> <database> <folder>` serves the API and writes where. For
// each line it is told it writes the peaks of its memory so far, of all of it and of what its buffers hold, in bytes; it ends when there
// are no more lines.
const [url, path, database, folder] = process.argv.slice(2)
if (!url || !path || !database || !folder)
  throw new Error('usage: <url> <path> <database> <folder>')

const sql = connect(url, { path, database, max: 3 })
const cluster = new ScriptedCluster()
const transfers = new FolderTransfers(folder)
cluster.before = transfers.before
const door = await openDoor({
  config: configFrom({
    KNIT_DATABASE_URL: url,
    KNIT_SIGNING_KEY: 'a key for the probe that is long enough',
    KNIT_HOST: '127.0.0.1',
    KNIT_PORT: '0',
  }),
  sql,
  bus: { publish: async () => {} },
  cluster,
  transfers,
  clock: systemClock,
  log: createLog({ format: 'text', level: 'error' }),
  metrics: createMetrics(sql),
  tracer: createTracer(),
  relay: { wake: () => {}, drain: async () => 0, settled: async () => {} },
})
let buffers = 0
const look = () => (buffers = Math.max(buffers, process.memoryUsage().arrayBuffers))
const looking = setInterval(look, 10)
console.log(door.apiRoot)
for await (const _ of createInterface({ input: process.stdin }))
  console.log(JSON.stringify({ all: process.resourceUsage().maxRSS * 1024, buffers }))
clearInterval(looking)
await door.close()
await sql.end()
