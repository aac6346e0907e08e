import type { Check } from '#shared/domain/check.ts'
import { begin, sqlState, type Sql } from '../sql.ts'
import { dataInvariants } from './data.ts'
import type { Invariant, Moment } from './invariant.ts'
import { leftoverInvariants } from './leftovers.ts'
import { matchingInvariants } from './matching.ts'
import { runInvariants } from './runs.ts'

/** Everything that must hold in the tables. */
export const invariants: Invariant[] = [
  ...runInvariants,
  ...dataInvariants,
  ...matchingInvariants,
  ...leftoverInvariants,
]

/** As many things are named as break one sentence. */
export const mostThings = 100

const timedOut = '57014'

/** Asks whether an invariant holds; `unknown` when the answer takes longer than so many seconds. */
export async function askInvariant(
  sql: Sql,
  { sentence, broken }: Invariant,
  moment: Moment,
  timeout: number,
): Promise<Check> {
  try {
    const rows = await begin(sql, async (tx) => {
      const [, found] = await Promise.all([
        tx`select set_config('statement_timeout', ${`${timeout}s`}, true)`,
        tx<{ thing: string }[]>`
          select thing from (${broken(tx, moment)}) as broken limit ${mostThings}`,
      ])
      return found
    })
    return verdict(
      sentence,
      rows.map(({ thing }) => thing),
    )
  } catch (error) {
    if (sqlState(error) !== timedOut) throw error
    const reason = `the database did not answer within ${timeout} s; ask again when it has less to do`
    return { sentence, state: 'unknown', things: [], reason }
  }
}

export const verdict = (sentence: string, things: string[]): Check => ({
  sentence,
  state: things.length === 0 ? 'holds' : 'violated',
  things: things.slice(0, mostThings),
})
