import { stripVTControlCharacters, styleText } from 'node:util'
import { renderUsage, type CommandDef } from 'citty'
import { globalArgs, type Args } from './arg.ts'
import { listed, type Command } from './command.ts'
import { placeholder } from './parse.ts'

type Look = {
  colour?: boolean
  /** A command line as whoever reads it would call it. */
  called?: (line: string) => string
}

/** The help of a command; `name` is its full name, such as `knit data push`. */
export async function helpOf(
  command: Command,
  name: string,
  { colour = false, called = (line) => line }: Look = {},
): Promise<string> {
  const meta = { ...command.meta, name }
  const args = command.subCommands ? {} : { ...shown(command.args ?? {}), ...globalArgs }
  const subCommands = command.subCommands && (await stubsOf(command))
  const usage = await renderUsage({ ...command, meta, args, subCommands } as unknown as CommandDef)
  const text = colour ? usage : stripVTControlCharacters(usage)
  const footer = command.footer === undefined ? '' : `${command.footer}\n`
  return `${text.replace(/ +$/gm, '').trimEnd()}\n${footer}${examplesOf(command, { colour, called })}`
}

function examplesOf(
  { examples = [], subCommands }: Command,
  { colour, called }: Required<Look>,
): string {
  if (examples.length === 0) return ''
  const title = subCommands ? 'FIRST STEPS' : 'EXAMPLES'
  const shown = colour ? styleText(['underline', 'bold'], title, { validateStream: false }) : title
  return `\n${shown}\n\n${examples.map((line) => `  ${called(line)}\n`).join('')}`
}

/** The commands below one, with nothing but what is said about them. */
async function stubsOf(command: Command) {
  const stubs = (await listed(command)).map(({ name, about }) => [
    name,
    { meta: { description: about } },
  ])
  return Object.fromEntries(stubs)
}

/** citty writes the name of a positional in capitals: it gets SOURCE... and KNIT_ID this way. */
function shown(args: Args): Args {
  const renamed = Object.entries(args).map(([name, arg]) => {
    if (arg.type !== 'positional') return [name, arg]
    return [`${placeholder(name)}${arg.many ? '...' : ''}`, arg]
  })
  return Object.fromEntries(renamed)
}
