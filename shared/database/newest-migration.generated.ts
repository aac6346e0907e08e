// Generated from the folder of migrations by `npm run generate`.
/** The last migration of this release. */
export const newestMigration = '0014-delivery-by-hook.sql'
