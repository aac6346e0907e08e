import { request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { Installed } from '../installation.ts'

/** How often each was answered, in words: `200`, `503 with Retry-After`, `ECONNRESET`. */
export type Answers = ReadonlyMap<string, number>

/** Somebody who asks again and again, each time by a line of its own, and never twice the same. */
export type Asker = { stop(): Promise<Answers> }

const longest = 65_000
// Ten a second at most: what is tested is not how much it takes.
const between = 100

/** Asks paths of the API in turn, until it is stopped. */
export function keepAsking(there: Installed, paths: readonly string[]): Asker {
  const answers = new Map<string, number>()
  const stopped = new AbortController()
  const asking = (async () => {
    for (let n = 0; !stopped.signal.aborted; n += 1) {
      const answer = await answerTo(there, paths[n % paths.length] ?? '')
      answers.set(answer, (answers.get(answer) ?? 0) + 1)
      await pause(between)
    }
  })()
  return {
    async stop() {
      stopped.abort()
      await asking
      return answers
    },
  }
}

const answerTo = ({ apiRoot, token }: Installed, path: string): Promise<string> =>
  new Promise((resolve) => {
    const asked = request(`${apiRoot}${path}`, {
      agent: false,
      headers: { authorization: `Bearer ${token}` },
      timeout: longest,
    })
    asked.once('timeout', () => asked.destroy(new Error('no answer')))
    asked.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    asked.once('response', (answer) => {
      const patience = answer.headers['retry-after'] === undefined ? '' : ' with Retry-After'
      answer.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      answer.once('end', () => resolve(`${answer.statusCode}${patience}`))
      answer.resume()
    })
    asked.end()
  })

/** What people read all the time. */
export const reads = ['/runs?limit=1', '/data?limit=1', '/plans?limit=1'] as const

/** Answers that nobody may get, whatever happens: neither what was asked for, nor to come back. */
export const bad = (answers: Answers): [string, number][] =>
  [...answers].filter(([answer]) => !/^200$|^503 with Retry-After$/.test(answer))
