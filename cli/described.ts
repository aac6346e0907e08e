import { globalArgs, type Arg } from './arg.ts'
import { listed, type Command } from './command.ts'
import { placeholder } from './parse.ts'

/** A flag or an argument as pages show it. */
export type DescribedArg = { forms: string[]; about: string; fallback?: string }

/** A command as pages show it; one that only has others below it is not among them. */
export type Described = {
  name: string
  about: string
  usage: string
  positionals: DescribedArg[]
  flags: DescribedArg[]
  examples: readonly string[]
}

/** The flags that every command takes. */
export const globalFlags: DescribedArg[] = Object.entries(globalArgs).map(([name, arg]) =>
  describedFlag(name, arg),
)

/** Every command below one, in the order in which the help lists them. */
export async function described(command: Command, name = 'knit'): Promise<Described[]> {
  const { subCommands } = command
  if (!subCommands) return [describedCommand(command, name)]
  const below = (await listed(command)).map(async ({ name: word }) => {
    const load = subCommands[word]
    return load ? described(await load(), `${name} ${word}`) : []
  })
  return (await Promise.all(below)).flat()
}

function describedCommand({ meta, args = {}, examples = [] }: Command, name: string): Described {
  const all = Object.entries(args)
  const positionals = all.filter(([, arg]) => arg.type === 'positional')
  const flags = all.filter(([, arg]) => arg.type !== 'positional')
  const shown = positionals.map(([name, arg]) => describedPositional(name, arg))
  const needed = flags.filter(([, arg]) => arg.required)
  const words = [
    name,
    ...needed.map(([name, arg]) => flagForm(name, arg)),
    ...(flags.length > needed.length ? ['[OPTIONS]'] : []),
    ...shown.flatMap(form),
  ]
  return {
    name,
    about: meta?.description ?? '',
    usage: words.join(' '),
    positionals: shown,
    flags: flags.map(([name, arg]) => describedFlag(name, arg)),
    examples,
  }
}

const form = ({ forms }: DescribedArg): string[] => forms.slice(0, 1)

function describedPositional(name: string, arg: Arg): DescribedArg {
  const word = `${placeholder(name)}${arg.many ? '...' : ''}`
  const required = arg.type === 'positional' && arg.required
  return { forms: [required ? word : `[${word}]`], about: arg.description ?? '' }
}

function describedFlag(name: string, arg: Arg): DescribedArg {
  const short = 'alias' in arg && arg.alias ? [`-${[arg.alias].flat().join()}`] : []
  return {
    forms: [...short, flagForm(name, arg)],
    about: [arg.description, arg.required && '(required)'].filter(Boolean).join(' '),
    ...(typeof arg.default === 'string' && { fallback: arg.default }),
  }
}

/** A flag with what stands for its value. */
function flagForm(name: string, arg: Arg): string {
  const value = valueOf(name, arg)
  return `--${name}${value && ` ${value}`}`
}

function valueOf(name: string, arg: Arg): string {
  if (arg.type === 'boolean') return ''
  if (arg.type === 'enum' && arg.options) return arg.options.join('|')
  return arg.valueHint ?? placeholder(name)
}
