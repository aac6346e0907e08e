import type { Queryable, Tx } from './sql.ts'

/** What a request that changes something is known by: its key, of the caller's choice, and what it asks for. */
export type RequestKey = { caller: string; key: string; fingerprint: Buffer }

/** What a request with this key asked for before, and how it was answered. */
export type Earlier = { fingerprint: Buffer; answer: unknown }

/**
 * Takes the key for this transaction, unless a request with it has been answered: then that is given back. One that is being
 * answered is waited for.
 */
export async function takeKey(tx: Tx, request: RequestKey): Promise<Earlier | undefined> {
  const { count } = await tx`
    insert into request (caller, key, fingerprint)
    values (${request.caller}, ${request.key}, ${request.fingerprint})
        on conflict do nothing`
  return count > 0 ? undefined : findEarlier(tx, request)
}

/** How a request with this key was answered before; undefined when none was. */
export async function findEarlier(
  sql: Queryable,
  { caller, key }: RequestKey,
): Promise<Earlier | undefined> {
  const [earlier] = await sql<Earlier[]>`
    select fingerprint, answer
      from request
     where caller = ${caller}
       and key = ${key}`
  return earlier
}

/** Keeps the answer of the request that took the key. An empty one is none. */
export async function keepAnswer(
  tx: Tx,
  { caller, key }: RequestKey,
  answer: unknown,
): Promise<void> {
  if (answer === undefined) return
  // As text first: a parameter that is JSON would be sent as jsonb, which keeps no order.
  await tx`
    update request
       set answer = ${JSON.stringify(answer)}::text::json
     where caller = ${caller}
       and key = ${key}`
}
