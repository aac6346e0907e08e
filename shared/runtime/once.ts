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
  /** What the request is known by, if it has a key. */
  key: RequestKey | undefined
  /**
   * Makes the effect of the request and its answer in one transaction. Asked again with the same `Idempotency-Key`, nothing is
   * done and the answer is that of the first time, also when the first never learned of its commit. `content` is the digest of
   * a body that was streamed: it is asked for as well.
   */
  once<T>(work: (tx: Tx) => Promise<T>, content?: Buffer): Promise<T>
  /** How a request with the same key was answered before its body was read; undefined when none was. */
  earlier(): Promise<EarlierAnswer | undefined>
}

/** The answer of the first time, and for a body with the same digest; another is refused. */
export type EarlierAnswer = { answer: unknown; answerTo(content: Buffer): unknown }

/** `record` writes into the transaction that something was done; what was done before is not recorded again. */
export function onceFor(
  ctx: Context,
  request: RequestKey | undefined,
  record: (tx: Tx, answer: unknown) => Promise<void>,
): Once {
  const recorded = async <T>(tx: Tx, work: (tx: Tx) => Promise<T>): Promise<T> => {
    const answer = await work(tx)
    await record(tx, answer)
    return answer
  }
  return {
    key: request,
    once: (work, content) =>
      ctx.begin(async (tx) => {
        if (!request) return recorded(tx, work)
        const asked = withContent(request, content)
        const earlier = await takeKey(tx, asked)
        if (earlier)
          return (answerTo(asked, earlier) ?? undefined) as Awaited<ReturnType<typeof work>>
        const answer = await recorded(tx, work)
        await keepAnswer(tx, asked, answer)
        return answer
      }),
    earlier: async () => {
      const earlier = request && (await findEarlier(ctx.sql, request))
      if (!earlier) return undefined
      // No body has to be read for it when all else is another request already.
      const { length } = request.fingerprint
      answerTo(request, { ...earlier, fingerprint: earlier.fingerprint.subarray(0, length) })
      const { answer } = earlier
      return { answer, answerTo: (content) => answerTo(withContent(request, content), earlier) }
    },
  }
}

const withContent = (request: RequestKey, content: Buffer = Buffer.alloc(0)): RequestKey => ({
  ...request,
  fingerprint: Buffer.concat([request.fingerprint, content]),
})

function answerTo({ fingerprint }: RequestKey, earlier: Earlier): unknown {
  if (!fingerprint.equals(earlier.fingerprint))
    throw new Problem(
      'key-refused',
      `The ${idempotencyHeader} was used for another request; use a new key for each.`,
    )
  return earlier.answer
}

// As long as a UUID in any form, with room; visible characters only.
const keyPattern = /^[!-~]{1,255}$/

/** The key of a request that changes something; undefined for others. `asked` is all but a streamed body that tells two requests apart. */
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
