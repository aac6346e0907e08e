import { inProcessBus } from '#shared/adapters/in-process-bus.ts'
import { migrate } from '#shared/database/migrate.ts'
import { connect, type Sql } from '#shared/database/sql.ts'
import { startPostgres } from '#shared/adapters/embedded-postgres/start-postgres.ts'
import { defineStep } from '#shared/runtime/define-step.ts'
import { createRelay, type Relay } from '#shared/runtime/relay.ts'
import { eventRequest } from '#shared/runtime/web.ts'
import type { World } from '#shared/runtime/context.ts'
import type { Bench } from './harness.ts'
import { worldOf } from './world.ts'

/** As many as the step that starts Runs serves at a time. */
export const atOnce = 8

/** Events about rows that are due, each to be moved by a guarded update in a transaction of its own. */
export type Queue = {
  sql: Sql
  world: World
  /** So many more rows that are due, without events. */
  prepare(count: number): Promise<void>
  /** Moves a row; rejects when it was not due. */
  move(id: string): Promise<void>
  /** Records events about all rows that are due. */
  tell(): Promise<void>
  /** Publishes what has been recorded, by these relays at a time, or by its own; resolves when the step has served all of it. */
  settle(relays?: readonly Relay[]): Promise<void>
  /** Relays beside its own, each with a connection of its own as those of several processes have. */
  moreRelays(count: number): Relay[]
  /** Rejects unless every row has been moved; forgets them. */
  check(count: number): Promise<void>
}

export type Server = Awaited<ReturnType<typeof startPostgres>>

/** A server with the settings of the product. */
export async function serverFor(bench: Bench, name: string): Promise<Server> {
  const server = await startPostgres({ folder: await bench.folder(name) })
  bench.onEnd(() => server.stop())
  return server
}

/** A database of its own, with the outbox, the relay and the bus of the product, and a step that does the least a step does. */
export async function openQueue(
  bench: Bench,
  server: Server,
  database: string,
  onServed: (id: string) => void = () => {},
): Promise<Queue> {
  const admin = connect(server.url, { ...server.options, max: 1 })
  await admin.unsafe(`create database ${database}`)
  await admin.end()
  const sql = connect(server.url, { ...server.options, database })
  bench.onEnd(() => sql.end({ timeout: 5 }))
  await migrate(sql)
  await sql.unsafe(
    `create schema bench; create table bench.work (id uuid primary key, state text not null)`,
  )
  const move = async (id: string): Promise<void> => {
    const { count } = await sql`
      update bench.work set state = 'moved' where id = ${id} and state = 'due'`
    if (count !== 1) throw new Error(`${id} was not due`)
  }
  // The real name of a step and of an event, since the bus reads the real table of triggers.
  const step = defineStep('start-run', async ({ data: { runId } }, ctx) => {
    await ctx.execute(() => move(runId))
    onServed(runId)
  })
  const world = worldOf(sql)
  const bus = inProcessBus({
    signer: world.config,
    log: world.log,
    deliver: async (_, message) => app.fetch(eventRequest(message)),
    giveUp: async (_, event, cause) => {
      throw new Error(`the event ${event.id} was given up: ${cause}`)
    },
    concurrency: () => atOnce,
  })
  world.bus = bus
  world.relay = createRelay(sql, bus, world.log)
  const app = step.app(world)
  bench.onEnd(() => bus.close())
  return {
    sql,
    world,
    move,
    async prepare(count) {
      await sql`
        insert into bench.work select uuidv7(), 'due' from generate_series(1, ${count})`
      await sql.unsafe('vacuum (analyze) bench.work, outbox')
    },
    async tell() {
      await sql`
        insert into outbox (type, subject, data)
        select 'run.ready', id, jsonb_build_object('runId', id, 'attempt', 1)
          from bench.work
         where state = 'due'`
    },
    async settle(relays = [world.relay]) {
      for (const relay of relays) relay.wake()
      await Promise.all(relays.map((relay) => relay.settled()))
      await bus.idle()
      await world.relay.settled()
    },
    moreRelays: (count) =>
      Array.from({ length: count }, () => {
        const own = connect(server.url, { ...server.options, database, max: 1 })
        bench.onEnd(() => own.end({ timeout: 5 }))
        return createRelay(own, bus, world.log)
      }),
    async check(count) {
      const [row] = await sql<{ moved: number; events: number }[]>`
        select (select count(*) from bench.work where state = 'moved')::integer as moved,
               (select count(*) from outbox)::integer as events`
      if (row?.moved !== count || row.events !== 0)
        throw new Error(`${row?.moved} rows of ${count} were moved, ${row?.events} events are left`)
      await sql`truncate bench.work`
    },
  }
}
