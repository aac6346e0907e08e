import type { KubernetesObject } from '@kubernetes/client-node'
import { get } from 'node:https'
import { createInterface } from 'node:readline'
import type { Bench } from './harness.ts'
import type { Installation } from './installation.ts'

type Change<T> = { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
type Line<T> = Change<T> | { type: 'BOOKMARK'; object: KubernetesObject } | { type: 'ERROR' }

/**
 * Tells of every change of the objects that `path` lists, those that are there first. Not by the client's own, which ends when
 * nothing changes for half a minute. Goes on where it was when the API server ends it, as it does from time to time. Rejects
 * `broken` when that cannot be, or `onChange` fails.
 */
export async function watchObjects<T extends KubernetesObject>(
  bench: Bench,
  { kubernetes: { server, credentials } }: Installation,
  path: string,
  onChange: (change: Change<T>) => void,
): Promise<{ broken: Promise<never> }> {
  const broken = Promise.withResolvers<never>()
  // Whoever waits for what will not come is told; nobody may be waiting.
  broken.promise.catch(() => {})
  const ended = new AbortController()
  bench.onEnd(() => ended.abort())
  const fail = (error: unknown) => {
    broken.reject(error)
    ended.abort()
  }
  let last: string | undefined

  const read = (line: string) => {
    const change = JSON.parse(line) as Line<T>
    if (change.type === 'ERROR') throw new Error(`${path}: ${line}`)
    last = change.object.metadata?.resourceVersion
    if (change.type !== 'BOOKMARK') onChange(change)
  }

  /** Resolves once the watch is open; another one follows it. */
  const open = async (): Promise<void> => {
    const url = new URL(path, server)
    url.searchParams.set('watch', '1')
    url.searchParams.set('allowWatchBookmarks', 'true')
    if (last !== undefined) url.searchParams.set('resourceVersion', last)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const options = { ...(await credentials()), signal: ended.signal }
    get(url, options, (answer) => {
      if (answer.statusCode !== 200) return reject(new Error(`${path}: ${answer.statusCode}`))
      resolve()
      createInterface(answer)
        .on('line', (line) => {
          try {
            read(line)
          } catch (error) {
            fail(error)
          }
        })
        // Said again by the answer's end.
        .on('error', () => {})
      answer.once('close', () => {
        if (!ended.signal.aborted) open().catch(fail)
      })
    }).once('error', reject)
    return promise
  }

  await open()
  return { broken: broken.promise }
}
