import type { KubernetesObject } from '@kubernetes/client-node'
import { get } from 'node:https'
import { createInterface } from 'node:readline'
import type { Bench } from './harness.ts'
import type { Installation } from './installation.ts'

type Change<T> = { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }

/**
 * Tells of every change of the objects that `path` lists, those that are there first. Not by the client's own, which ends when
 * nothing changes for half a minute. Rejects `broken` when the API server ends it, or `onChange` fails.
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
  const url = new URL(path, server)
  url.searchParams.set('watch', '1')
  const { promise: open, ...opening } = Promise.withResolvers<void>()
  const asked = get(url, await credentials(), (answer) => {
    if (answer.statusCode !== 200) opening.reject(new Error(`${path}: ${answer.statusCode}`))
    opening.resolve()
    createInterface(answer)
      .on('line', (line) => {
        try {
          const change = JSON.parse(line) as Change<T> | { type: 'ERROR' }
          if (change.type === 'ERROR') throw new Error(`${path}: ${line}`)
          onChange(change)
        } catch (error) {
          broken.reject(error)
        }
      })
      .once('error', (error) => broken.reject(error))
      .once('close', () =>
        broken.reject(new Error(`the API server has ended the watch of ${path}`)),
      )
  }).once('error', (error) => {
    opening.reject(error)
    broken.reject(error)
  })
  bench.onEnd(() => asked.destroy())
  await open
  return { broken: broken.promise }
}
