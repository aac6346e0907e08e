import { accessSync, constants, readdirSync, realpathSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import type { Command } from './command.ts'
import type { World } from './context.ts'
import { isFile } from './find-up.ts'

/** A program `knit-NAME` on the PATH: the command `knit NAME`. */
export type Extension = { name: string; path: string }

const pattern = /^knit-(.+?)(\.(exe|bat|cmd|com))?$/i

/** Every extension there is; of one name the first on the PATH counts. */
export function extensions({ env, cwd }: Pick<World, 'env' | 'cwd'>): Extension[] {
  const found = new Map<string, Extension>()
  const dirs = env['PATH']?.split(delimiter).map((dir) => resolve(cwd, dir)) ?? []
  for (const dir of firstOfEach(dirs))
    for (const extension of extensionsIn(dir))
      if (!found.has(extension.name)) found.set(extension.name, extension)
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Directories without other names of them: `/bin` is mostly one of `/usr/bin`, and it takes a while to read the names of all programs. */
const firstOfEach = (dirs: readonly string[]): string[] =>
  [...Map.groupBy(dirs, realPath).values()].flatMap((same) => same.slice(0, 1))

function realPath(dir: string): string {
  try {
    return realpathSync.native(dir)
  } catch {
    return dir
  }
}

function extensionsIn(dir: string): Extension[] {
  return namesIn(dir).flatMap((file) => {
    const name = pattern.exec(file)?.[1]
    const path = join(dir, file)
    return name !== undefined && isProgram(path) ? [{ name, path }] : []
  })
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((file) => pattern.test(file))
      .sort()
  } catch {
    return []
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return isFile(path)
  } catch {
    return false
  }
}

/** The root command, which tells in its help what extensions there are; of a name that we have ourselves ours counts. */
export function withExtensions(root: Command, found: readonly Extension[]): Command {
  const listed = found.map(({ name, path }) => {
    const meta = { description: `(= ${path})` }
    return [name, async () => ({ meta })] as const
  })
  return { ...root, subCommands: { ...Object.fromEntries(listed), ...root.subCommands } }
}

/** A line for each extension that is never run, as there is a command of its name. */
export const shadowed = (root: Command, found: readonly Extension[]): string =>
  found
    .filter(({ name }) => Object.hasOwn(root.subCommands ?? {}, name))
    .map(({ name, path }) => `${path} is never run: ${name} is a command of knit itself\n`)
    .join('')
