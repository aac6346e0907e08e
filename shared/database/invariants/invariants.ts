import type { Check } from '#shared/domain/check.ts'
import { begin, isGivenUp, type Sql, type Tx } from '../sql.ts'
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

/**
 * Asks which invariants hold. All at once; when the database does not answer one of them within so many seconds, one by one, so
 * that only that one is `unknown`.
 */
export async function askInvariants(sql: Sql, moment: Moment, timeout: number): Promise<Check[]> {
  const together = await ask(sql, invariants, moment, timeout)
  if (together) return together
  const checks: Check[] = []
  for (const invariant of invariants) {
    const alone = await ask(sql, [invariant], moment, timeout)
    checks.push(...(alone ?? [unanswered(invariant, timeout)]))
  }
  return checks
}

/** Undefined when an answer takes too long. */
async function ask(
  sql: Sql,
  questions: readonly Invariant[],
  moment: Moment,
  timeout: number,
): Promise<Check[] | undefined> {
  const answers = (tx: Tx) =>
    questions.map(async ({ sentence, broken }) => {
      const rows = await tx<{ thing: string }[]>`
        select thing from (${broken(tx, moment)}) as broken limit ${mostThings}`
      return verdict(
        sentence,
        rows.map(({ thing }) => thing),
      )
    })
  try {
    return await begin(sql, async (tx) => {
      const limited = tx`select set_config('statement_timeout', ${`${timeout}s`}, true)`
      const [, ...checks] = await Promise.all([limited, ...answers(tx)])
      return checks
    })
  } catch (error) {
    if (isGivenUp(error)) return undefined
    throw error
  }
}

const unanswered = ({ sentence }: Invariant, timeout: number): Check => ({
  sentence,
  state: 'unknown',
  things: [],
  reason: `the database did not answer within ${timeout} s; ask again when it has less to do`,
})

export const verdict = (sentence: string, things: string[]): Check => ({
  sentence,
  state: things.length === 0 ? 'holds' : 'violated',
  things,
})
