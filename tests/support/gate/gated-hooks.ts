import { AsyncLocalStorage } from 'node:async_hooks'
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
  const { fetch } = globalThis
  globalThis.fetch = async (input, init) => {
    const url = new URL(String(input))
    if (url.origin !== hooksAt) return fetch(input, init)
    const headers = new Headers(init?.headers)
    const about = headers.get('knit-hook') ?? ''
    const id = headers.get('knit-delivery') ?? ''
    const body = JSON.parse(String(init?.body)) as HookCall['body']
    const made = async () => answer({ path: url.pathname, about, id, body })
    const gate = gates.getStore()
    return gate ? gate({ port: 'hooks', what: `${about} ${url.pathname}`, line: {} }, made) : made()
  }
  return () => void (globalThis.fetch = fetch)
}
