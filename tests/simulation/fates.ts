import postgres from 'postgres'
import type { Habits } from './habits.ts'
import type { Random } from './random.ts'
import type { Fate, Op } from './scheduler.ts'

/** What becomes of a call that is to be made now. */
export function fateOf({ call }: Op, habits: Habits, random: Random): Fate {
  const { badSql, badCluster, badBroker, badHooks } = habits
  const chances = {
    sql: badSql,
    bus: badBroker,
    hooks: badHooks,
    cluster: badCluster,
    transfers: badCluster,
  }
  const chance = chances[call.port]
  if (call.isRollback || !random.happens(chance)) return { is: 'made' }
  const error = random.pick(call.port === 'sql' ? databaseErrors : otherErrors)()
  // Only a line that broke may have been used before.
  const mayBeLost = 'code' in error && !(error instanceof postgres.PostgresError)
  return mayBeLost && random.happens(0.5) ? { is: 'lost', error } : { is: 'refused', error }
}

const failure = (message: string, code: string, more = {}): Error =>
  Object.assign(new Error(message), { code, ...more })

function refusal(code: string, message: string): Error {
  // The driver makes it of what the server sent, which its types do not say.
  const Refusal = postgres.PostgresError as unknown as new (sent: object) => Error
  return new Refusal({ severity: 'ERROR', code, message })
}

const databaseErrors = [
  () => failure('the line broke', 'CONNECTION_DESTROYED'),
  () => failure('the line broke', 'CONNECTION_DESTROYED'),
  () => refusal('40001', 'could not serialize access'),
  () => refusal('53100', 'could not extend file'),
]

const otherErrors = [
  () => failure('no answer came', 'ETIMEDOUT', { syscall: 'read' }),
  () => new Error('409: it was changed meanwhile'),
  () => new Error('500: internal error'),
]
