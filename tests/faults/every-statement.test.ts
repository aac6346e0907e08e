import { expect } from 'vitest'
import { cloneDatabase, type Database } from '#tests/support/database.ts'
import { callEverything } from '#tests/support/every-call.ts'
import { observer, type Observer } from '#tests/support/statements.ts'
import { makeWorld, test } from '#tests/support/world.ts'
import { justDone } from './disturb.ts'
import { routeScenarios } from './route-scenarios.ts'
import { stepScenarios } from './step-scenarios.ts'

/** The statements that write, each with the function that sends it, among those that are seen while `work` is done. */
async function writesOf(work: (database: Database, watch: Observer) => Promise<void>) {
  const watch = observer()
  const database = await cloneDatabase({ debug: watch.debug })
  await work(database, watch)
  await database.drop()
  const texts = watch.seen.map(
    ({ text, by }) => `${by.split(' ')[0]}: ${text.replace(/\s+/g, ' ').trim()}`,
  )
  return new Set(texts.filter((text) => writing.test(text)))
}

const writing = /\b(insert into|delete from|update "?\w+"? (as \w+ )?set)\b/

test(
  'every statement that writes, of every route and every step, is disturbed in some scenario',
  { timeout: 120_000 },
  async () => {
    const known = await writesOf(({ sql }, watch) => callEverything(makeWorld(sql), watch))
    const disturbed = await writesOf(async (database, watch) => {
      for (const [name, scenarios] of Object.entries({ ...stepScenarios, ...routeScenarios }))
        for (const scenario of scenarios)
          await justDone(database, scenario, (work) => watch.during(name, work))
    })
    expect(known.size).toBeGreaterThan(0)
    expect([...known].filter((statement) => !disturbed.has(statement))).toEqual([])
  },
)
