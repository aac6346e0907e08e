import { readFileSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { Session } from 'node:inspector/promises'

/** Where this process spends its time on some work: the share of each package, of our folders, and of Node, the most first. */
export async function profileOf(work: () => Promise<unknown>): Promise<string> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.start')
  await work()
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  return shares(profile)
}

/** The same of a profile that Node has written down as a process ended. */
export const sharesOfFile = (path: string): string =>
  shares(JSON.parse(readFileSync(path, 'utf8')) as Profiler.Profile)

function shares({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): string {
  const owners = new Map(nodes.map(({ id, callFrame }) => [id, ownerOf(callFrame)]))
  const times = new Map<string, number>()
  samples.forEach((id, index) => {
    const owner = owners.get(id) ?? ''
    times.set(owner, (times.get(owner) ?? 0) + (timeDeltas[index] ?? 0))
  })
  const all = [...times.values()].reduce((a, b) => a + b, 0)
  return [...times]
    .map(([owner, time]) => ({ owner, share: (time / all) * 100 }))
    .filter(({ share }) => share >= 2)
    .toSorted((a, b) => b.share - a.share)
    .map(({ owner, share }) => `${owner} ${share.toFixed(0)} %`)
    .join(', ')
}

function ownerOf({ url, functionName }: Profiler.ProfileNode['callFrame']): string {
  if (functionName === '(idle)') return 'waiting'
  if (functionName === '(garbage collector)') return 'garbage collector'
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? []
  if (name) return name
  const [, own] = /\/((?:shared|functions|tests)\/[\w-]+)/.exec(url) ?? []
  return own ?? (url.startsWith('node:') ? 'node' : 'native code')
}
