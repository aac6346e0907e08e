import { posix } from 'node:path'
import { formatTag } from '#shared/domain/tag.ts'
import type { Knitenv } from '../knitenv.ts'
import type { Image } from './image-archive.ts'

type Mount = { path: string; tags: string[] }

/** What `plan template` writes. */
export type PlanDraft = {
  image: string
  entrypoint: string[]
  args: string[]
  inputs: Mount[]
  outputs: Mount[]
  log: { tags: string[] }
  resources: Record<string, string>
}

/** What stands for an image that is not known. */
export const unknownImage = { scratch: 'image:version', untagged: 'IMAGE:TAG' } as const

/** A plan to be filled in by hand. */
export function scratchPlan(knitenv: Knitenv): PlanDraft {
  const own = knitenv.tag.map(formatTag)
  const tags = own.length > 0 ? own : ['example:tag']
  return {
    image: unknownImage.scratch,
    entrypoint: [],
    args: [],
    inputs: [{ path: '/in', tags }],
    outputs: [{ path: '/out', tags }],
    log: { tags: ['type:log', ...tags] },
    resources: resourcesOf(knitenv),
  }
}

/** A plan whose mount points are the paths of the image that have a part `in` or `out`. */
export function inferPlan({ tags, config }: Image, knitenv: Knitenv): PlanDraft {
  const { Entrypoint: entrypoint, Cmd: args, Volumes, WorkingDir } = config
  const paths = [...entrypoint, ...args, ...Volumes.toSorted()]
    .flatMap(pathIn)
    .map((path) => posix.resolve('/', WorkingDir, path))
  const unique = [...new Set(paths)]
  const own = knitenv.tag.map(formatTag)
  const mount = (marker: string) => (path: string) => ({
    path,
    tags: [...own, ...typeTag(path, marker)],
  })
  return {
    image: tags[0] ?? unknownImage.untagged,
    entrypoint,
    args,
    inputs: unique.filter((path) => has(path, 'in')).map(mount('in')),
    outputs: unique.filter((path) => !has(path, 'in') && has(path, 'out')).map(mount('out')),
    log: { tags: ['type:log', ...own] },
    resources: resourcesOf(knitenv),
  }
}

const resourcesOf = (knitenv: Knitenv): Record<string, string> => ({
  cpu: '1',
  memory: '1Gi',
  ...knitenv.resource,
})

const has = (path: string, part: string): boolean => path.split('/').includes(part)

/** The path in a word of a command line, if that is one; also that of `--data=/in/x`, `if=/in/x` or `+data.path=/in/x`. */
function pathIn(word: string): string[] {
  const path = word.replace(/^[^/=]+=/, '')
  const isPath = !path.startsWith('-') && !/[\s;|&$:]/.test(path)
  return isPath && (has(path, 'in') || has(path, 'out')) ? [path] : []
}

function typeTag(path: string, marker: string): string[] {
  const name = path.split('/').findLast((part) => part !== '' && part !== marker)
  return name === undefined ? [] : [`type:${name}`]
}
