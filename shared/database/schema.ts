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
  const schema = await readSchema(sql)
  const { newest, servesFrom } = schema
  if (newest === null || newest < own)
    return `The database has the schema ${newest ?? 'of no release'}, and this function needs ${own}: it waits until the job "migrate" of its release has run.`
  if (isPast(schema, own))
    return `The database has the schema ${newest}, which is for functions from ${servesFrom} on, and this one is of ${own}: it waits until the function of the new release takes its place.`
  return undefined
}

/** Why a release whose last migration is `own` may not even migrate a database: it has been brought to what only later ones know. */
export async function findSuccessor(
  sql: Queryable,
  own: string = newestMigration,
): Promise<string | undefined> {
  const schema = await readSchema(sql)
  if (!isPast(schema, own)) return undefined
  return `it has the schema ${schema.newest} of a later release of Knitfab, with which this one (${own}) cannot work`
}

const isPast = ({ servesFrom }: Schema, own: string): boolean =>
  servesFrom !== null && own < servesFrom

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
