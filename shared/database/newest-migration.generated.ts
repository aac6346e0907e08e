// Generated from the folder of migrations by `npm run generate`.
/** The last migration of this release. */
export const newestMigration = '0016-hinted.sql'
