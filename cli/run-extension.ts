import { parseArgs } from 'node:util'
import { globalArgs } from './arg.ts'
import type { World } from './context.ts'
import type { Extension } from './extensions.ts'
import { runInForeground } from './foreground.mjs'
import { knitenvFile } from './knitenv.ts'
import { parse } from './parse.ts'
import { profileName, storeFile } from './profile.ts'

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
