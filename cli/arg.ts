import type { ArgDef } from 'citty'

// Without any schema: these are needed before a command is known, and a library of schemas takes longer to load than all else here.

/** One argument of a command: what citty needs for the help, and how what is typed is read. */
export type Arg<T = unknown> = ArgDef & {
  /** It takes several words, or may be given again. */
  many: boolean
  /** The values it can have, where they are few and known. */
  choices: string[]
  /**
   * What a command gets for what was typed: a text or several, or whether it was there; undefined where nothing was. `name` is what it
   * is called in a message. Throws `UsageError`.
   */
  read(given: unknown, name: string): T
}
export type Args = Record<string, Arg>

/** What a command gets for its arguments. */
export type Values<A extends Args> = { [K in keyof A]: ReturnType<A[K]['read']> }

type Look = {
  /** The one-letter form of the flag. */
  short?: string
}

/** A flag without value. */
export const toggle = (description: string, { short }: Look = {}): Arg<boolean> => ({
  type: 'boolean',
  description,
  alias: short,
  many: false,
  choices: [],
  read: (given) => given === true,
})

const text = (description: string, hint: string): Arg<string | undefined> => ({
  type: 'string',
  description,
  valueHint: hint,
  many: false,
  choices: [],
  read: (given) => (typeof given === 'string' ? given : undefined),
})

/** The flags that every command takes. */
export const globalArgs = {
  profile: text('Name of the profile; else $KNIT_PROFILE, else .knitprofile.', 'PROFILE'),
  'profile-store': text(
    'File of the profiles; else $KNIT_PROFILE_STORE, else ~/.knit/profile.',
    'FILE',
  ),
  env: text('File of project defaults; else $KNIT_ENV, else knitenv.', 'FILE'),
  quiet: toggle('Say nothing but results and errors.', { short: 'q' }),
  help: toggle('Show this help.', { short: 'h' }),
} satisfies Args
