import type { Sql, Tx } from '#shared/database/sql.ts'

/** A database that commits and then breaks the connection, so that nobody learns of it. */
export const losingCommits = (sql: Sql): Sql =>
  new Proxy(sql, {
    get: (target, property, receiver) =>
      property === 'begin'
        ? async (work: (tx: Tx) => Promise<unknown>) => {
            await target.begin(work)
            throw Object.assign(new Error('the connection broke'), { code: 'CONNECTION_CLOSED' })
          }
        : Reflect.get(target, property, receiver),
  })
