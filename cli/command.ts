import type { Args, Values } from './arg.ts'
import type { Context } from './context.ts'

type ExitCode = number | void

type Definition<A extends Args> = {
  /** One sentence for the help, unless the group that lists it has one. */
  about?: string
  args: A
  /** Command lines as people would type them. */
  examples?: readonly string[]
  /** Answers the exit code where that is another than 0. */
  run(args: Values<A>, ctx: Context): Promise<ExitCode> | ExitCode
}

export type Command = {
  meta?: { description?: string }
  args?: Args
  run?(args: Values<Args>, ctx: Context): Promise<ExitCode> | ExitCode
  examples?: readonly string[]
  /** The last line of its help. */
  footer?: string
  subCommands?: Record<string, () => Promise<Command>>
  /** What is said about some of the commands below, which need not be loaded for that. */
  abouts?: Record<string, string>
}

export const command = <A extends Args>({ about, ...defined }: Definition<A>): Command => ({
  ...defined,
  meta: { description: about },
})

type Load = () => Promise<{ default: Command }>
type Loads = Record<string, Load | [about: string, load: Load]>

/**
 * A command that only has others below it; each is loaded when it is called, and for the help of the group unless that is what says
 * something about it. One whose name begins with `_` is for programs, and is told of nowhere.
 */
export function group(about: string, commands: Loads): Command {
  const all = Object.entries(commands).map(([name, entry]) =>
    Array.isArray(entry) ? { name, about: entry[0], load: entry[1] } : { name, load: entry },
  )
  const subCommands = all.map(({ name, about, load }) => {
    const told = about === undefined ? {} : { meta: { description: about } }
    return [name, async () => ({ ...(await load()).default, ...told })] as const
  })
  const abouts = all.flatMap(({ name, about }) => (about === undefined ? [] : [[name, about]]))
  return {
    meta: { description: about },
    subCommands: Object.fromEntries(subCommands),
    abouts: Object.fromEntries(abouts),
  }
}

export type Listed = { name: string; about?: string }

/** The commands below one that are told of, with what is said about each. */
export function listed({ subCommands = {}, abouts = {} }: Command): Promise<Listed[]> {
  const told = Object.entries(subCommands).filter(([name]) => !name.startsWith('_'))
  return Promise.all(
    told.map(async ([name, load]) => ({
      name,
      about: abouts[name] ?? (await load()).meta?.description,
    })),
  )
}
