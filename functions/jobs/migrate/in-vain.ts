import { sqlState, type Sql } from '#shared/database/sql.ts'

// What the migrations are written for.
const oldest = 15

/** What PostgreSQL refuses however often it is asked, by its code, and what to do. */
const remedies: Record<string, string> = {
  '28P01': 'correct the password in KNIT_DATABASE_URL',
  '28000':
    'let this user in (alter role … login, pg_hba.conf), or name another in KNIT_DATABASE_URL',
  '3D000': 'make this database, or name another in KNIT_DATABASE_URL',
  '42501': 'make this user the owner of the database, or name the owner in KNIT_DATABASE_URL',
}

/** Which database is meant, for people: without the password. */
export function placeOf({ options: { user, host, port, path, database } }: Sql): string {
  const server = path || host.map((name, index) => `${name}:${port[index]}`).join(',')
  return `The database ${database} of ${server}, as ${user}`
}

/** Why it is in vain to try again, and what to do; undefined when another try may help. */
export function whyInVain(error: unknown): string | undefined {
  const remedy = remedies[sqlState(error) ?? '']
  return remedy && `${(error as Error).message}: ${remedy}.`
}

/** The same of a server that is too old, by its `server_version_num`. */
export const whyTooOld = (version: number): string | undefined =>
  version >= oldest * 10_000
    ? undefined
    : `PostgreSQL ${Math.floor(version / 10_000)} is too old: upgrade it to ${oldest} or later, or name another in KNIT_DATABASE_URL.`
