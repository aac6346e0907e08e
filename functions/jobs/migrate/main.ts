import { migrate } from '#shared/database/migrate.ts'
import { connect } from '#shared/database/sql.ts'

/** Brings the database of `KNIT_DATABASE_URL` to the schema of this release, and says what it did. */
const url = process.env['KNIT_DATABASE_URL']
if (!url) {
  console.error(
    'KNIT_DATABASE_URL is not set: say where PostgreSQL is, postgres://USER:PASSWORD@HOST/DATABASE.',
  )
  process.exit(2)
}
const sql = connect(url, { max: 1 })
const applied = await migrate(sql)
await sql.end()
console.log(applied.length === 0 ? 'The schema is up to date.' : `Applied ${applied.join(', ')}.`)
