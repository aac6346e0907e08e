import { expect } from 'vitest'
import { newestMigration } from '#shared/database/newest-migration.generated.ts'
import type { ServedFunction } from '#shared/runtime/serve.ts'
import { withSchema } from '#shared/runtime/with-schema.ts'
import { makeRun, readRun } from '#tests/support/runs.ts'
import { call, deliver, test as base, type TestWorld } from '#tests/support/world.ts'
import showRun from '../../functions/api/runs-show/function.ts'
import startRun from '../../functions/steps/start-run/function.ts'

const later = '9001-more.sql'

/** What a migration may leave behind of which functions of this release know nothing. */
const schemas: [what: string, become: (world: TestWorld) => Promise<unknown>, says: RegExp][] = [
  [
    'older than they need',
    ({ sql }) => sql`delete from migration where name = ${newestMigration}`,
    /this function needs .*: it waits until the job "migrate" of its release has run/,
  ],
  [
    'for later ones only',
    ({ sql }) => sql`insert into migration (name, serves_from) values (${later}, ${later})`,
    /for functions from 9001-more\.sql on.*: it waits until the function of the new release/,
  ],
]

/** A world whose database has the schema of this release again afterwards. */
const test = base.extend<{ world: TestWorld }>({
  world: async ({ ctx }, use) => {
    const before = await ctx.sql`select name, serves_from from migration`
    await use(ctx)
    await ctx.sql`delete from migration`
    await ctx.sql`insert into migration ${ctx.sql(before)}`
  },
})

/** A function as it is served. */
const served = <F extends ServedFunction>(fn: F): F => ({
  ...fn,
  app: (world) => ({ fetch: withSchema(world, fn.app(world).fetch) }),
})

test.for(schemas)(
  'while the schema is %s, functions refuse requests and events for a while, change nothing, and go on where it fits again',
  async ([, become, says], { world }) => {
    const { runId, attempt } = await makeRun(world, { status: 'ready' })
    const ask = () => call(served(showRun), world, `/api/runs/${runId}`)
    const tell = () => deliver(served(startRun), world, 'run.ready', { runId, attempt })
    const before = await world.sql`select name, serves_from from migration`
    await become(world)
    for (const refuse of [ask, tell]) {
      const answer = await refuse()
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
      expect(await answer.json()).toMatchObject({ message: expect.stringMatching(says) })
    }
    expect(await readRun(world, runId)).toMatchObject({ status: 'ready', claim: null })
    expect(world.cluster.calls).toEqual([])

    await world.sql`delete from migration`
    await world.sql`insert into migration ${world.sql(before)}`
    expect((await ask()).status).toBe(200)
    expect((await tell()).ok).toBe(true)
    expect(await readRun(world, runId)).toMatchObject({ status: 'starting' })
  },
)
