import { readdirSync } from 'node:fs'
import { isMigration, migrations } from '#shared/database/migrate.ts'

/** The module that tells functions, who have no files of migrations, what the schema of their release is. */
export function newestMigrationModule(): string {
  const newest = readdirSync(migrations).filter(isMigration).sort().at(-1)
  return [
    '// Generated from the folder of migrations by `npm run generate`.',
    '/** The last migration of this release. */',
    `export const newestMigration = '${newest}'`,
    '',
  ].join('\n')
}
