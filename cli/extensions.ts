import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { globalArgs } from './args.ts'
import type { Command } from './command.ts'
import type { World } from './context.ts'
import { isFile } from './find-up.ts'
import { runInForeground } from './foreground.mjs'
import { knitenvFile } from './knitenv.ts'
import { parse } from './parse.ts'
import { profileName, storeFile } from './profile.ts'

/** A program `knit-NAME` on the PATH: the command `knit NAME`. */
export type Extension = { name: string; path: string }

const pattern = /^knit-(.+?)(\.(exe|bat|cmd|com))?$/i

/** Every extension there is; of one name the first on the PATH counts. */
export function extensions({ env, cwd }: Pick<World, 'env' | 'cwd'>): Extension[] {
  const found = new Map<string, Extension>()
  for (const dir of env['PATH']?.split(delimiter) ?? [])
    for (const extension of extensionsIn(resolve(cwd, dir)))
      if (!found.has(extension.name)) found.set(extension.name, extension)
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
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
    return readdirSync(dir).sort()
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
export function withExtensions(root: Command, world: World): Command {
  const listed = extensions(world).map(({ name, path }) => {
    const meta = { description: `(= ${path})` }
    return [name, async () => ({ meta })] as const
  })
  return { ...root, subCommands: { ...Object.fromEntries(listed), ...root.subCommands } }
}

/** A line for each extension that is never run, as there is a command of its name. */
export const shadowed = (root: Command, world: World): string =>
  extensions(world)
    .filter(({ name }) => Object.hasOwn(root.subCommands ?? {}, name))
    .map(({ name, path }) => `${path} is never run: ${name} is a command of knit itself\n`)
    .join('')

/** What the flags say that are ours also among the words of an extension; it gets them by its environment. */
const own = ['profile', 'profile-store', 'env'] as const

/** Runs an extension in our place with the words it was given, and answers its exit code. */
export function runExtension({ path }: Extension, words: string[], world: World): Promise<number> {
  const { ours, rest } = divided(words)
  const ctx = { ...world, flags: parse(ours, globalArgs) }
  const env = {
    ...world.env,
    KNIT_PROFILE: profileName(ctx),
    KNIT_PROFILE_STORE: storeFile(ctx),
    KNIT_ENV: knitenvFile(ctx),
  }
  return runInForeground([path, ...rest], { env, cwd: world.cwd })
}

/** Up to a `--` our flags are taken out; all else is left as it is, `--` and `--help` too. */
export function divided(words: string[]): { ours: string[]; rest: string[] } {
  const options = Object.fromEntries(own.map((name) => [name, { type: 'string' as const }]))
  const { tokens } = parseArgs({
    args: words,
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const taken = new Set<number>()
  for (const token of tokens) {
    if (token.kind !== 'option' || !Object.hasOwn(options, token.name)) continue
    taken.add(token.index)
    if (token.value !== undefined && !token.inlineValue) taken.add(token.index + 1)
  }
  return {
    ours: words.filter((_, index) => taken.has(index)),
    rest: words.filter((_, index) => !taken.has(index)),
  }
}
