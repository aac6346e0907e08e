import { createHash } from 'node:crypto'
import { Problem } from '#shared/contracts/problems.ts'
import { idempotencyHeader, isWrite, type Route } from '#shared/contracts/route.ts'
import {
  findEarlier,
  keepAnswer,
  takeKey,
  type Earlier,
  type RequestKey,
} from '#shared/database/requests.ts'
import type { Tx } from '#shared/database/sql.ts'
import type { Context } from './context.ts'

/** What a route that changes something has beside the world. */
export type Once = {
  /**
   * Makes the effect of the request and its answer in one transaction. Asked again with the same `Idempotency-Key`, nothing is
   * done and the answer is that of the first time, also when the first never learned of its commit.
   */
  once<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** How the same request was answered before; undefined when it was not. */
  earlier(): Promise<{ answer: unknown } | undefined>
}

export function onceFor(ctx: Context, request: RequestKey | undefined): Once {
  return {
    once: (work) =>
      ctx.begin(async (tx) => {
        if (!request) return work(tx)
        const earlier = checked(await takeKey(tx, request))
        if (earlier) return (earlier.answer ?? undefined) as Awaited<ReturnType<typeof work>>
        const answer = await work(tx)
        await keepAnswer(tx, request, answer)
        return answer
      }),
    earlier: async () => request && checked(await findEarlier(ctx.sql, request)),
  }
}

function checked(earlier: Earlier | undefined): Earlier | undefined {
  if (earlier && !earlier.same)
    throw new Problem(
      'key-refused',
      `The ${idempotencyHeader} was used for another request; use a new key for each.`,
    )
  return earlier
}

// As long as a UUID in any form, with room; visible characters only.
const keyPattern = /^[!-~]{1,255}$/

/** The key of a request that changes something; undefined for others. `asked` is all that tells two requests apart. */
export function requestKey(
  contract: Route,
  headers: Headers,
  caller: string,
  asked: object,
): RequestKey | undefined {
  const key = isWrite(contract) ? headers.get(idempotencyHeader) : null
  if (key === null) return undefined
  if (!keyPattern.test(key))
    throw new Problem(
      'key-refused',
      `The ${idempotencyHeader} should be 1 to 255 visible ASCII characters, such as a UUID.`,
    )
  const text = JSON.stringify([contract.name, asked])
  return { caller, key, fingerprint: createHash('sha256').update(text).digest() }
}
