import '#shared/files/private-memory.ts'
import { migrate } from '#shared/database/migrate.ts'
import { findSuccessor } from '#shared/database/schema.ts'
import { BadDatabaseUrl, connect, isUnavailable, type Sql } from '#shared/database/sql.ts'
import { placeOf, whyInVain, whyTooOld } from './in-vain.ts'

const form = 'postgres://USER:PASSWORD@HOST/DATABASE'

/**
 * Brings the database of `KNIT_DATABASE_URL` to the schema of this release, and says what it did. Ends with 2 when it would be in
 * vain to try again: nobody does then.
 */
process.exitCode = await main(process.env['KNIT_DATABASE_URL'])

async function main(url: string | undefined): Promise<number> {
  if (!url) return refuse(`KNIT_DATABASE_URL is not set: say where PostgreSQL is, ${form}.`)
  const sql = openOf(url)
  if (sql instanceof BadDatabaseUrl) return refuse(`KNIT_DATABASE_URL is ${sql.message}.`)
  try {
    return await bring(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}

function openOf(url: string): Sql | BadDatabaseUrl {
  try {
    return connect(url, { max: 1 })
  } catch (error) {
    if (error instanceof BadDatabaseUrl) return error
    throw error
  }
}

async function bring(sql: Sql): Promise<number> {
  try {
    const tooOld = whyTooOld(await versionOf(sql))
    if (tooOld) return refuse(`${placeOf(sql)}: ${tooOld}`)
    const successor = await findSuccessor(sql)
    if (successor)
      return refuse(
        `${placeOf(sql)}: ${successor}: install that release, or restore a dump of before.`,
      )
    const applied = await migrate(sql, undefined, () =>
      console.error(
        'A table is in use, by a statement that takes long or a transaction that nobody ends: it is tried again.',
      ),
    )
    console.log(
      applied.length === 0 ? 'The schema is up to date.' : `Applied ${applied.join(', ')}.`,
    )
    return 0
  } catch (error) {
    const inVain = whyInVain(error)
    if (inVain) return refuse(`${placeOf(sql)}: ${inVain}`)
    if (!isUnavailable(error)) throw error
    const { message, code } = error as Error & { code?: string }
    console.error(
      `${placeOf(sql)}, does not answer (${message || code}): it is tried again; see that it runs, and may be reached from here.`,
    )
    return 1
  }
}

async function versionOf(sql: Sql): Promise<number> {
  const [row] = await sql<{ server_version_num: string }[]>`show server_version_num`
  return Number(row?.server_version_num)
}

function refuse(why: string): number {
  console.error(why)
  return 2
}
