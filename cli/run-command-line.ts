import type { CommandContext } from 'citty'
import { shellLine } from '#shared/domain/shell.ts'
import { globalArgs } from './args.ts'
import { asCalled } from './called.ts'
import { inColour } from './colour.ts'
import type { Command } from './command.ts'
import type { World } from './context.ts'
import { didYouMean } from './did-you-mean.ts'
import { explain, type Doing } from './explain.ts'
import { UsageError } from './failure.ts'
import { asksForHelp, firstPositional, parse, positionalsOf } from './parse.ts'
import { helpOf } from './usage.ts'

/** A command, its full name, and the words behind that name. */
type Found = { command: Command; name: string; words: string[] }

/** Runs one command line and answers the exit code: 0 done, 1 failed, 2 misused, 130 interrupted. */
export async function runCommandLine(
  root: Command,
  words: string[],
  world: World,
): Promise<number> {
  let found: Found = { command: root, name: 'knit', words }
  try {
    found = await find(found)
    return await runFound(found, world)
  } catch (error) {
    if (world.signal.aborted) return 130
    const { what, next, exitCode } = explain(error, doing(found, words))
    world.stderr.write(`${what}\n${next ? `try: ${asCalled(next, world)}\n` : ''}`)
    return exitCode
  }
}

/** Goes down the tree as far as the words name commands. */
async function find(found: Found): Promise<Found> {
  const { subCommands } = found.command
  const index = firstPositional(found.words, globalArgs)
  const word = found.words[index]
  if (word === undefined && found.words.includes('--version')) return find(asked('version', found))
  if (!subCommands || word === undefined) return found
  const name = `${found.name} ${word}`
  const load = Object.hasOwn(subCommands, word) ? subCommands[word] : undefined
  if (load) return find({ command: await load(), name, words: found.words.toSpliced(index, 1) })
  const hint = didYouMean(word, Object.keys(subCommands), `${found.name} `)
  throw new UsageError(`there is no command "${name}"${hint}`, `${found.name} --help`)
}

/** A flag that stands for a command. */
const asked = (name: string, { command, name: root, words }: Found): Found => ({
  command,
  name: root,
  words: [name, ...words.filter((word) => word !== `--${name}`)],
})

async function runFound({ command, name, words }: Found, world: World): Promise<number> {
  const defined = { ...command.args, ...globalArgs }
  const helpWanted = asksForHelp(words, defined)
  if (helpWanted || command.subCommands) {
    if (!helpWanted) world.stderr.write(`usage error: ${name} needs the name of a command\n\n`)
    const colour = inColour(world.stderr, world.env)
    world.stderr.write(await helpOf(command, name, { colour }))
    return helpWanted ? 0 : 2
  }
  const args = parse(words, defined)
  const ctx = { ...world, name, flags: args }
  const given = { args, rawArgs: words, cmd: command, data: ctx } as unknown as CommandContext
  return (await command.run?.(given)) ?? 0
}

/** What went on when something failed: for errors that do not say it themselves, and for what to try next. */
const doing = ({ command, name, words }: Found, typed: string[]): Doing => ({
  name,
  about: positionalsOf(words, { ...command.args, ...globalArgs }),
  line: shellLine(['knit', ...typed.map(withoutPassword)]),
})

/** As in the URL of a database: what is shown may be kept, by a terminal or a log. */
const withoutPassword = (word: string): string =>
  word.replace(/(:\/\/[^:/@\s]*:)[^@\s]*@/, '$1***@')
