import { readFileSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { SourceMap, type SourceMapPayload } from 'node:module'
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

/** The same of a profile that Node has written down as a process ended; `map` is the file of where the lines of a bundle are from. */
export function sharesOfFile(path: string, map?: string): string {
  const parsed = <T>(file: string) => JSON.parse(readFileSync(file, 'utf8')) as T
  const origins = map === undefined ? undefined : new SourceMap(parsed<SourceMapPayload>(map))
  return shares(parsed(path), origins)
}

function shares(
  { nodes, samples = [], timeDeltas = [] }: Profiler.Profile,
  origins?: SourceMap,
): string {
  const owners = new Map(nodes.map(({ id, callFrame }) => [id, ownerOf(callFrame, origins)]))
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

type CallFrame = Profiler.ProfileNode['callFrame']

function ownerOf({ functionName, ...frame }: CallFrame, origins?: SourceMap): string {
  const url = origins && isBundle(frame) ? originOf(frame, origins) : frame.url
  if (functionName === '(idle)') return 'waiting'
  if (functionName === '(garbage collector)') return 'garbage collector'
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? []
  if (name) return name
  const [, own] = /\/((?:shared|functions|tests|cli)\/[\w-]+)/.exec(url) ?? []
  return own ?? (url.startsWith('node:') ? 'node' : 'native code')
}

const isBundle = ({ url }: Pick<CallFrame, 'url'>): boolean => url.endsWith('.cjs')

function originOf(
  { lineNumber, columnNumber }: Pick<CallFrame, 'lineNumber' | 'columnNumber'>,
  origins: SourceMap,
): string {
  const entry = origins.findEntry(lineNumber, columnNumber)
  return 'originalSource' in entry ? `/${entry.originalSource.replace(/^(\.\.\/)+/, '')}` : ''
}
