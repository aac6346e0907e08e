import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import http from 'node:http'
import { Readable } from 'node:stream'
import type { Gate } from './gate.ts'

/** Where hooks are that `answerHooks` answers for. */
export const hooksAt = 'http://hooks.test'

/** A call that a hook got: its path, what it was told of, whether again, and the body. */
export type HookCall = { path: string; about: string; id: string; body: { runId: string } }

const gates = new AsyncLocalStorage<Gate>()

/** Every call of a hook that comes of some work passes a gate. */
export const hooksThrough = <T>(gate: Gate, work: () => T): T => gates.run(gate, work)

/** Answers for hooks in this process, instead of a network; gives back how to undo it. */
export function answerHooks(answer: (call: HookCall) => Response): () => void {
  const { request } = http
  const answered = (url: string, { headers }: RequestOptions, done: Done) => {
    const asked = new EventEmitter()
    const end = async (body: string) => {
      const about = headers['knit-hook'] ?? ''
      const call = { about, id: headers['knit-delivery'] ?? '', body: JSON.parse(body) }
      const { pathname: path } = new URL(url)
      const made = async () => answer({ path, ...call })
      const gate = gates.getStore()
      try {
        const passed = gate && gate({ port: 'hooks', what: `${about} ${path}`, line: {} }, made)
        done(asMessage(await (passed ?? made())))
      } catch (error) {
        asked.emit('error', error)
      }
    }
    return Object.assign(asked, { end })
  }
  const instead = (url: string, options: RequestOptions, done: Done) =>
    (URL.parse(String(url))?.origin === hooksAt ? answered : request)(url, options, done as never)
  http.request = instead as typeof http.request
  return () => void (http.request = request)
}

type RequestOptions = { headers: Record<string, string> }
type Done = (answer: Readable) => void

/** An answer as who asks by `http.request` gets it. */
const asMessage = (response: Response): Readable =>
  Object.assign(response.body ? Readable.fromWeb(response.body as never) : Readable.from([]), {
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
  })
