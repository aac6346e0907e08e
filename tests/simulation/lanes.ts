import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from '#shared/database/sql.ts'
import type { BugName } from './bugs.ts'
import type { LaneSetting } from './lane-process.ts'
import type { Circumstances, Result } from './simulation.ts'

/** A server with a migrated database to copy. */
export type Server = { url: string; path: string; template: string }

export type Wish = {
  seeds: Iterable<number>
  /** How many are played at the same time, each by a process and in a database of its own. */
  lanes: number
  /** A bug that the engine is to have. */
  bug?: BugName | undefined
  circumstances?: Circumstances
}

/**
 * Plays schedules and tells of each once it is over, until `heard` says that it is enough; those that are being played then are
 * told of too.
 */
export async function playSchedules(
  server: Server,
  { seeds, lanes, bug, circumstances = {} }: Wish,
  heard: (result: Result) => boolean,
): Promise<void> {
  const left = Iterator.from(seeds)
  let isEnough = false
  const playAll = async (): Promise<void> => {
    const lane = await openLane(server, bug, circumstances)
    try {
      for (;;) {
        const next = isEnough ? undefined : left.next()
        if (!next || next.done) return
        if (heard(await lane.play(next.value))) isEnough = true
      }
    } finally {
      await lane.close()
    }
  }
  await Promise.all(Array.from({ length: lanes }, playAll))
}

/** Plays one schedule on a new stage. */
export async function playOne(
  server: Server,
  seed: number,
  wish: Omit<Wish, 'seeds' | 'lanes'> = {},
): Promise<Result> {
  const results: Result[] = []
  await playSchedules(
    server,
    { ...wish, seeds: [seed], lanes: 1 },
    (result) => results.push(result) > 0,
  )
  const [result] = results
  if (!result) throw new Error(`schedule ${seed} was not played`)
  return result
}

/** A process of its own, as simulations take the place of its timers. */
async function openLane(
  { url, path, template }: Server,
  bug: BugName | undefined,
  circumstances: Circumstances,
) {
  const database = `simulation_${randomBytes(6).toString('hex')}`
  const admin = connect(url, { path, max: 1 })
  await admin.unsafe(`create database ${database} template ${template}`)
  const setting: LaneSetting = { url, path, database, bug, circumstances }
  const child = fork(new URL('lane-process.ts', import.meta.url), [JSON.stringify(setting)], {
    execArgv: [],
  })
  const died = once(child, 'exit').then(() => {
    throw new Error('a lane has died: its last lines say why')
  })
  died.catch(() => {})
  return {
    async play(seed: number): Promise<Result> {
      const answered = once(child, 'message') as Promise<[Result]>
      child.send(seed)
      const [result] = await Promise.race([answered, died])
      return result
    },
    async close(): Promise<void> {
      if (child.connected) child.disconnect()
      await died.catch(() => {})
      await admin.unsafe(`drop database ${database} with (force)`)
      await admin.end()
    },
  }
}
