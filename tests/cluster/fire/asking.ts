import { request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Installed } from '../installation.ts'

/** A request of the API; one that changes something may be sent as often as one likes. */
export type Question = { path: string; method?: 'PUT'; body?: object }

/** How often each was answered, in words: `200`, `503 with Retry-After`, `PUT 200`, `ECONNRESET`. */
export type Answers = ReadonlyMap<string, number>

/** Somebody who asks again and again, each time by a line of its own, and never twice the same. */
export type Asker = { stop(): Promise<Answers> }

const longest = 65_000
// Ten a second at most: what is tested is not how much it takes.
const between = 100

/** Asks in turn, until it is stopped. */
export function keepAsking(there: Installed, questions: readonly Question[]): Asker {
  const answers = new Map<string, number>()
  const stopped = new AbortController()
  const asking = (async () => {
    for (let n = 0; !stopped.signal.aborted; n += 1) {
      const question = questions[n % questions.length]
      if (!question) return
      const { method } = question
      const answer = [...(method ? [method] : []), await answerTo(there, question)].join(' ')
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

const answerTo = ({ apiRoot, token }: Installed, { path, method, body }: Question) =>
  new Promise<string>((resolve) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const asked = request(`${apiRoot}${path}`, { method, agent: false, headers, timeout: longest })
    asked.once('timeout', () => asked.destroy(new Error('no answer')))
    asked.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    asked.once('response', (answer) => {
      const patience = answer.headers['retry-after'] === undefined ? '' : ' with Retry-After'
      answer.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      answer.once('end', () => resolve(`${answer.statusCode}${patience}`))
      answer.resume()
    })
    asked.end(body && JSON.stringify(body))
  })

/** What people read all the time. */
export const reads: readonly Question[] = [
  { path: '/runs?limit=1' },
  { path: '/data?limit=1' },
  { path: '/plans?limit=1' },
]

/** That somebody was answered, and never but with what was asked for or to come back. */
export function expectServed(answers: Answers): void {
  expect(answers.get('200')).toBeGreaterThan(0)
  const all = [...answers]
  expect(all.filter(([answer]) => !/^(PUT )?(200|503 with Retry-After)$/.test(answer))).toEqual([])
}
