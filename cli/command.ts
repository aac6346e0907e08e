import { defineCommand, type CommandDef } from 'citty'
import type { Args, Values } from './args.ts'
import type { Context } from './context.ts'

type Definition<A extends Args> = {
  /** One sentence for the help. */
  about: string
  args: A
  /** Command lines as people would type them. */
  examples?: readonly string[]
  /** Not told of in any help. */
  hidden?: boolean
  /** Answers the exit code where that is another than 0. */
  run(args: Values<A>, ctx: Context): Promise<number | void> | number | void
}

export type Command = Omit<CommandDef, 'args' | 'meta' | 'subCommands'> & {
  meta?: { description?: string; hidden?: boolean }
  args?: Args
  examples?: readonly string[]
  subCommands?: Record<string, () => Promise<Command>>
}

export const command = <A extends Args>({
  about,
  args,
  examples,
  hidden,
  run,
}: Definition<A>): Command => {
  const defined = defineCommand({
    meta: { description: about, hidden },
    args,
    run: (given) => run(given.args as Values<A>, given.data as Context),
  })
  return { ...defined, examples } as Command
}

type Loading = Promise<{ default: Command }>

/** A command that only has others below it; each is loaded when it is asked for. */
export function group(about: string, commands: Record<string, () => Loading>): Command {
  const subCommands = Object.entries(commands).map(
    ([name, load]) => [name, async () => (await load()).default] as const,
  )
  return { meta: { description: about }, subCommands: Object.fromEntries(subCommands) }
}
