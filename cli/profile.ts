import { chmodSync, copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parse as parseYaml } from 'yaml'
import * as z from 'zod'
import { plainWords } from '#shared/domain/plain-words.ts'
import { shellLine } from '#shared/domain/shell.ts'
import { makeFolder } from '#shared/files/make-folder.ts'
import type { Context } from './context.ts'
import { didYouMean } from './did-you-mean.ts'
import { Failure, first } from './failure.ts'
import { findUp, isFile } from './find-up.ts'
import { localHome } from './local-home.ts'

/** Where an API is and how to trust it. `token` is ours; other clients pass over it. */
export const Profile = z.object({
  apiRoot: z.url({
    protocol: /^https?$/,
    error: 'expected the URL of an API, such as https://HOST:30803/api',
  }),
  cert: z
    .object({ ca: z.string().transform(decodeCa).optional() })
    .nullish()
    .transform((cert) => cert ?? {}),
  token: z.string().min(1, 'expected the secret of a token').optional(),
})
export type Profile = z.output<typeof Profile>

type Store = Record<string, unknown>

/** The profile this command uses. */
export function loadProfile(ctx: Context): Profile {
  const name = profileName(ctx)
  return checkProfile(profileNamed(name, ctx), `the profile "${name}" in ${storeFile(ctx)}`)
}

/** A profile as it stands in the store, unchecked. */
export function profileNamed(name: string, ctx: Context): unknown {
  const file = storeFile(ctx)
  const store = readStore(file)
  if (Object.hasOwn(store, name)) return store[name]
  const others = Object.keys(store)
  const isNamed = name !== ctx.cwd && others.length > 0
  throw new Failure(
    `there is no profile "${name}" in ${file}${didYouMean(name, others)}`,
    isNamed ? 'knit profile list' : waysToProfile(ctx),
  )
}

/** Keeps a token with the profile this command uses, or keeps none there. */
export function setToken(token: string | undefined, ctx: Context): void {
  const [name, file] = [profileName(ctx), storeFile(ctx)]
  const { token: _, ...profile } = profileNamed(name, ctx) as Record<string, unknown>
  const changed = { ...profile, ...(token !== undefined && { token }) }
  saveStore(file, { ...readStore(file), [name]: changed })
}

/** Lets a profile count in this directory, and below it. */
export function useProfile(name: string, { cwd }: Context): void {
  writeFileSync(join(cwd, '.knitprofile'), name, { mode: 0o600 })
}

type Where = Pick<Context, 'flags' | 'env' | 'cwd' | 'home'>

export function profileName(ctx: Where): string {
  const given = namedProfile(ctx)
  if (given !== undefined) return given
  const file = findUp('.knitprofile', ctx.cwd)
  return file === undefined ? ctx.cwd : nameIn(file)
}

/** The name `init` saves under: never one of a directory above, of which the profile would be overwritten. */
export function ownProfileName(ctx: Context): string {
  return namedProfile(ctx) ?? profileNameHere(ctx.cwd)
}

/** A variable that is empty is as good as none, here and below. */
const namedProfile = ({ flags, env }: Where): string | undefined =>
  flags.profile ?? (env.KNIT_PROFILE || undefined)

/** The name this very directory uses, or would use. */
export function profileNameHere(dir: string): string {
  const file = join(dir, '.knitprofile')
  return isFile(file) ? nameIn(file) : dir
}

const nameIn = (file: string): string => (readFileSync(file, 'utf8').split('\n')[0] ?? '').trim()

export function storeFile(ctx: Where): string {
  const given = ctx.flags['profile-store'] ?? (ctx.env.KNIT_PROFILE_STORE || undefined)
  return given === undefined ? join(ctx.home, '.knit', 'profile') : resolve(ctx.cwd, given)
}

/** Checks a profile as it stands in YAML; `where` names it in the message. */
export function checkProfile(value: unknown, where: string): Profile {
  const result = Profile.safeParse(value, { error: plainWords })
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new Failure(
    `${where} cannot be used: ${issue?.path.join('.') || 'profile'}: ${issue?.message}`,
    'ask the administrator for a profile file, then: knit init KNIT_PROFILE_FILE',
  )
}

export function readStore(file: string): Store {
  return existsSync(file) ? readMapping(file) : {}
}

export function readMapping(file: string): Store {
  let value: unknown
  try {
    value = parsed(readFileSync(file, 'utf8'))
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : error
    throw new Failure(`${file} cannot be read: ${why}`, first('correct it'))
  }
  if (value === null) return {}
  if (typeof value === 'object' && !Array.isArray(value)) return value as Store
  throw new Failure(`${file} is no YAML mapping`, first('correct it'))
}

/** What `saveStore` writes is JSON, which is YAML as well: what reads all of that takes longer to load than a request takes. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return parseYaml(text)
  }
}

/** Writes the store in place, for the owner alone; until that is done the old content is kept beside it. */
export function saveStore(file: string, store: Store): void {
  const backup = `${file}.backup`
  makeFolder(dirname(file), 0o700)
  if (existsSync(file)) {
    copyFileSync(file, backup)
    chmodSync(backup, 0o600)
    chmodSync(file, 0o600)
  }
  writeFileSync(file, `${JSON.stringify(store, null, 4)}\n`, { mode: 0o600 })
  rmSync(backup, { force: true })
}

function decodeCa(text: string, ctx: z.RefinementCtx): string {
  const packed = text.replace(/\s/g, '')
  const pem = Buffer.from(packed, 'base64').toString()
  const whole = /^[A-Za-z0-9+/]+={0,2}$/.test(packed) && packed.length % 4 === 0
  if (whole && /-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/.test(pem)) return pem
  ctx.addIssue({ code: 'custom', message: 'expected the base64 of a PEM certificate' })
  return z.NEVER
}

function waysToProfile(ctx: Context): string {
  const local = join(localHome(ctx), 'knitprofile')
  if (isFile(local)) return shellLine(['knit', 'init', local])
  return 'knit local start --detach, or with a profile file of another system: knit init KNIT_PROFILE_FILE'
}
