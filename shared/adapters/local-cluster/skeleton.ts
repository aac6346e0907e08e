import { hash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeWhole } from '#shared/files/trash.ts'
import type { Home } from './home.ts'

/** A tree of folders, empty files and links, which other file systems are mounted on. */
export type Skeleton = {
  folders: string[]
  files: string[]
  links: { path: string; target: string }[]
}

/**
 * A folder with such a tree. Programs cannot change it, so all that need the same share it: making one costs more than
 * everything else before a program starts.
 */
export function skeletonIn(home: Home, skeleton: Skeleton): string {
  const root = join(home.skeletons, hash('sha256', JSON.stringify(skeleton)))
  if (existsSync(root)) return root
  makeWhole(home, root, (draft) => make(draft, skeleton))
  return root
}

function make(root: string, { folders, files, links }: Skeleton): void {
  const all = folders.concat(files.map(dirname)).flatMap(withThoseAbove)
  // Whatever the umask, programs come through.
  for (const path of new Set(all.sort())) {
    mkdirSync(root + path, { recursive: true })
    chmodSync(root + path, 0o755)
  }
  for (const path of files) writeFileSync(root + path, '')
  for (const { path, target } of links) symlinkSync(target, root + path)
}

function withThoseAbove(path: string): string[] {
  return path === '/' ? [path] : [...withThoseAbove(dirname(path)), path]
}
