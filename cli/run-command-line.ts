import { shellLine } from '#shared/domain/shell.ts'
import { globalArgs } from './arg.ts'
import { inColour } from './colour.ts'
import { listed, type Command } from './command.ts'
import type { World } from './context.ts'
import { meantCommand } from './did-you-mean.ts'
import type { Doing } from './explain.ts'
import type { Extension } from './extensions.ts'
import { Interrupted, UsageError } from './failure.ts'
import { asksForHelp, firstPositional, parse, positionalsOf } from './parse.ts'

/** A command, its full name, and the words behind that name; an extension stands for a command we do not have. */
type Found = { command: Command; name: string; words: string[]; extension?: Extension }

/** Runs one command line and answers the exit code: 0 done, 1 failed, 2 misused, 130 or another above 128 interrupted. */
export async function runCommandLine(
  root: Command,
  words: string[],
  world: World,
): Promise<number> {
  let found: Found = { command: root, name: 'knit', words }
  try {
    found = await find(found, world)
    return await runFound(found, root, world)
  } catch (error) {
    const { aborted, reason } = world.signal
    const interrupt: unknown = aborted ? reason : error
    if (interrupt instanceof Interrupted) return interrupt.exitCode
    if (aborted) return new Interrupted().exitCode
    const [{ explain }, { errorText }] = await Promise.all([import('./explain.ts'), asRead()])
    const told = explain(error, doing(found, words))
    world.stderr.write(errorText(told, world))
    return told.exitCode
  }
}

/** Goes down the tree as far as the words name commands. */
async function find(found: Found, world: World): Promise<Found> {
  const { subCommands } = found.command
  const index = firstPositional(found.words, globalArgs)
  const word = found.words[index]
  const isRoot = found.name === 'knit'
  const isVersion = isRoot && word === undefined && found.words.includes('--version')
  if (isVersion) return find({ ...found, words: asked('version', found.words) }, world)
  if (!subCommands || word === undefined) return found
  const name = `${found.name} ${word}`
  const words = found.words.toSpliced(index, 1)
  const load = Object.hasOwn(subCommands, word) ? subCommands[word] : undefined
  if (load) return find({ command: await load(), name, words }, world)
  const others = isRoot ? (await outside()).extensions(world) : []
  const extension = others.find((other) => other.name === word)
  if (extension) return { ...found, name, words, extension }
  if (isRoot && word === 'help') return find({ ...found, words: [...words, '--help'] }, world)
  throw await unknownCommand(found, word, others)
}

async function unknownCommand(
  { command, name }: Found,
  word: string,
  others: Extension[],
): Promise<UsageError> {
  const own = await listed(command)
  const known = [...own, ...others].map((other) => other.name)
  const hint = meantCommand(word, known, `${name} `)
  return new UsageError(`there is no command "${name} ${word}"${hint}`, `${name} --help`)
}

/** The words with a command in place of the flag that stands for it. */
const asked = (name: string, words: string[]): string[] => [
  name,
  ...words.filter((word) => word !== `--${name}`),
]

async function runFound(found: Found, root: Command, world: World): Promise<number> {
  const { command, name, words, extension } = found
  if (extension) {
    const { runExtension } = await import('./run-extension.ts')
    return runExtension(extension, words, world)
  }
  const defined = { ...command.args, ...globalArgs }
  if (asksForHelp(words, defined)) {
    await showHelp(found, world)
    return 0
  }
  const args = parse(words, defined)
  if (command.subCommands) {
    world.stderr.write(`usage error: ${name} needs the name of a command\n\n`)
    await showHelp(found, world)
    return 2
  }
  return (await command.run?.(args, { ...world, root, name, flags: args })) ?? 0
}

/** The root tells of extensions, too. */
async function showHelp({ command, name }: Found, world: World): Promise<void> {
  const colour = inColour(world.stderr, world.env)
  const [{ helpOf }, { asCalled }] = await Promise.all([import('./usage.ts'), asRead()])
  const look = { colour, called: (line: string) => asCalled(line, world) }
  const write = async (shown: Command) => world.stderr.write(await helpOf(shown, name, look))
  if (name !== 'knit') return void (await write(command))
  const { extensions, shadowed, withExtensions } = await outside()
  const found = extensions(world)
  await write(withExtensions(command, found))
  world.stderr.write(shadowed(command, found))
}

/** What is shown to be pasted. */
const asRead = () => import('./called.ts')

/** Looking for extensions, which few lines need. */
const outside = () => import('./extensions.ts')

/** What went on when something failed: for errors that do not say it themselves, and for what to try next. */
const doing = ({ command, name, words }: Found, typed: string[]): Doing => ({
  name,
  about: positionalsOf(words, { ...command.args, ...globalArgs }),
  line: shellLine(['knit', ...typed.map(withoutPassword)]),
})

/** As in the URL of a database: what is shown may be kept, by a terminal or a log. */
const withoutPassword = (word: string): string =>
  word.replace(/(:\/\/[^:/@\s]*:)[^@\s]*@/, '$1***@')
