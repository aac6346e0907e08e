import { newestMigration } from './newest-migration.generated.ts'
import { sqlState, type Queryable } from './sql.ts'

type Schema = {
  /** The last migration that was applied. */
  newest: string | null
  /** The oldest of those whose release still works with it. */
  servesFrom: string | null
}

// A database that was never migrated, or before migrations told whom they serve.
const unknown: Schema = { newest: null, servesFrom: null }

/** Why functions of the release whose last migration is `own` cannot work with the schema of a database; undefined when they can. */
export async function findMismatch(
  sql: Queryable,
  own: string = newestMigration,
): Promise<string | undefined> {
  const { newest, servesFrom } = await readSchema(sql)
  if (newest === null || newest < own)
    return `The database has the schema ${newest ?? 'of no release'}, and this function needs ${own}: it waits until the job "migrate" of its release has run.`
  if (servesFrom !== null && own < servesFrom)
    return `The database has the schema ${newest}, which is for functions from ${servesFrom} on, and this one is of ${own}: it waits until the function of the new release takes its place.`
  return undefined
}

async function readSchema(sql: Queryable): Promise<Schema> {
  try {
    const [schema] = await sql<Schema[]>`
      select max(name) as newest, max(serves_from) as "servesFrom" from migration`
    return schema ?? unknown
  } catch (error) {
    if (isUndefined(error)) return unknown
    throw error
  }
}

/** Of a table, or of a column. */
const isUndefined = (error: unknown): boolean =>
  sqlState(error) === '42P01' || sqlState(error) === '42703'
