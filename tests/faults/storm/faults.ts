import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { databaseOf, serverOf } from '#tests/support/home-database.ts'
import { killAll, processesOf } from '#tests/support/local-home.ts'
import { until } from '#tests/support/until.ts'
import type { Storm } from './storm.ts'

export type Fault = (storm: Storm) => Promise<void>

/** Everything that is done to a home, by name. Each ends with the home as it was, or with a new one in its place. */
export const faults: Record<string, Fault> = {
  'everything is killed': async (storm) => {
    const ended = storm.end('SIGKILL')
    killAll(storm.home)
    await ended
    await until(() => processesOf(storm.home).length === 0)
    await storm.start()
  },
  'the home is killed, and programs go on': async (storm) => {
    await storm.end('SIGKILL')
    await storm.start()
  },
  'the home is stopped as its user stops it': async (storm) => {
    assert.equal(await storm.end('SIGTERM'), 0)
    await storm.start()
  },
  'the home freezes until whatever it held may be taken': async (storm) => {
    await whileStopped([storm.running.pid], async () => {
      await storm.allWait()
      await allClaimsExpired(storm.home)
    })
  },
  'the database freezes': async (storm) => {
    await whileStopped(processesOfServer(storm.home), () => storm.allWait())
  },
  'the database is stopped at once': async (storm) => {
    process.kill(serverOf(storm.home).pid, 'SIGQUIT')
  },
  'the database is killed': async (storm) => {
    for (const pid of processesOfServer(storm.home)) kill(pid)
  },
  'one connection of the database is killed': async (storm) => {
    const sql = databaseOf(storm.home)
    const [one] = await sql<{ pid: number }[]>`
      select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() limit 1`
    kill(one?.pid ?? 0)
    await sql.end({ timeout: 1 })
  },
  'the disk is full for a while': async (storm) => {
    storm.disk?.fill()
    await storm.answered(30)
    storm.disk?.free()
  },
}

/** Those that can happen here. */
export const possibleFaults = (storm: Storm): [string, Fault][] =>
  Object.entries(faults).filter(([name]) => storm.disk || !name.startsWith('the disk'))

function kill(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, 'SIGKILL')
  } catch {
    // It has just ended.
  }
}

async function whileStopped(pids: number[], work: () => Promise<void>): Promise<void> {
  const tell = (signal: NodeJS.Signals) => pids.forEach((pid) => process.kill(pid, signal))
  tell('SIGSTOP')
  try {
    await work()
  } finally {
    tell('SIGCONT')
  }
}

/** The first process of the server, and those it has started: all work in the directory of its data. */
function processesOfServer(home: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${home}/postgres/data`)
      } catch {
        return false
      }
    })
}

async function allClaimsExpired(home: string): Promise<void> {
  const sql = databaseOf(home)
  await until(async () => {
    const held = await sql`
      select from run where claimed_until > now()
      union all
      select from agent where lease_until > now()`
    return held.length === 0
  })
  await sql.end({ timeout: 1 })
}
