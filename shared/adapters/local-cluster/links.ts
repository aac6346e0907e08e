import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal } from './refusal.ts'
import { seen } from './seen.ts'

/** Where a path leads when links are followed as the program would; what does not exist is kept as it is. */
export function follow(path: string, locate: (path: string) => string | undefined): string {
  let reached = '/'
  const rest = path.split('/').filter(Boolean)
  for (let links = 0; ;) {
    const name = rest.shift()
    if (name === undefined) return reached
    const next = join(reached, name)
    const target = linkAt(locate(next))
    if (target === undefined) {
      reached = next
      continue
    }
    if (++links > 40) throw new Refusal('plan', `too many symbolic links on the way to ${path}`)
    rest.unshift(...target.split('/').filter(Boolean))
    if (target.startsWith('/')) reached = '/'
  }
}

function linkAt(path: string | undefined): string | undefined {
  return path === undefined ? undefined : seen(() => readlinkSync(path))
}
