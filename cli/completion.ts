import { choicesOf, globalArgs, type Arg, type Args } from './args.ts'
import { listed, type Command } from './command.ts'
import { placeholder } from './parse.ts'

/** A word that could stand in place of the one that is typed. */
export type Candidate = { word: string; about?: string }

/** `files`: paths of this machine could stand there, too. */
export type Completion = { candidates: Candidate[]; files: boolean }

/** What there is of a kind, as KNIT_ID or KEY:VALUE: what stands for the value in the help. */
export type LookUp = (kind: string) => Promise<Candidate[]>

/** Where in the tree the words have led, and what is expected next. */
type Place = {
  command: Command
  isRoot: boolean
  /** The name of the flag that waits for its value. */
  open?: string
  /** How many positionals there are already. */
  positionals: number
  /** Behind `--` nothing is a flag. */
  ended: boolean
  /** Among the words of an extension, of which we know nothing. */
  lost: boolean
}

const isFiles = (kind: string): boolean => /(^|_)(FILE|DIR|SOURCE|DEST)$/.test(kind)

/** What could stand in place of the last word of a command line; `words` are those behind `knit`. */
export async function complete(
  root: Command,
  words: readonly string[],
  lookUp: LookUp,
): Promise<Completion> {
  const typed = words.at(-1) ?? ''
  let place: Place = { command: root, isRoot: true, positionals: 0, ended: false, lost: false }
  for (const word of words.slice(0, -1)) place = await after(word, place)
  const { candidates, files } = await expected(typed, place, lookUp)
  return { candidates: candidates.filter(({ word }) => word.startsWith(typed)), files }
}

async function after(word: string, place: Place): Promise<Place> {
  if (place.open !== undefined) return { ...place, open: undefined }
  if (!place.ended && word === '--') return { ...place, ended: true }
  if (!place.ended && /^-./.test(word)) return { ...place, open: waiting(word, argsAt(place)) }
  if (place.isRoot && word === 'help') return place
  const { subCommands = {} } = place.command
  const load = Object.hasOwn(subCommands, word) ? subCommands[word] : undefined
  if (load) return { ...place, command: await load(), isRoot: false }
  return { ...place, positionals: place.positionals + 1, lost: place.lost || place.isRoot }
}

/** The name of the flag of which the value comes next. */
function waiting(word: string, args: Args): string | undefined {
  const named = Object.entries(args).find(
    ([name, arg]) => word === `--${name}` || ('alias' in arg && word === `-${arg.alias}`),
  )
  return named && named[1].type !== 'boolean' ? named[0] : undefined
}

const argsAt = ({ command }: Place): Args => ({ ...command.args, ...globalArgs })

async function expected(typed: string, place: Place, lookUp: LookUp): Promise<Completion> {
  const args = argsAt(place)
  if (place.lost) return { candidates: [], files: true }
  if (place.open !== undefined) return values(place.open, args[place.open], lookUp)
  const [, flag] = (!place.ended && /^--([^=]+)=/.exec(typed)) || []
  if (flag !== undefined) return withPrefix(`--${flag}=`, await values(flag, args[flag], lookUp))
  if (!place.ended && typed.startsWith('-')) return { candidates: flagsOf(args), files: false }
  if (place.command.subCommands)
    return { candidates: await commandsOf(place, lookUp), files: false }
  const positionals = Object.entries(args).filter(([, arg]) => arg.type === 'positional')
  const last = positionals.at(-1)
  const [name = '', arg] = positionals[place.positionals] ?? (last?.[1].many ? last : [])
  return values(name, arg, lookUp)
}

async function values(name: string, arg: Arg | undefined, lookUp: LookUp): Promise<Completion> {
  if (!arg) return { candidates: [], files: false }
  const kind = arg.type === 'positional' ? placeholder(name) : (arg.valueHint ?? '')
  const choices = choicesOf(arg).map((word) => ({ word }))
  return { candidates: choices.length > 0 ? choices : await lookUp(kind), files: isFiles(kind) }
}

const withPrefix = (prefix: string, { candidates, files }: Completion): Completion => ({
  candidates: candidates.map(({ word, about }) => ({ word: `${prefix}${word}`, about })),
  files,
})

const flagsOf = (args: Args): Candidate[] =>
  Object.entries(args)
    .filter(([, arg]) => arg.type !== 'positional')
    .map(([name, { description }]) => ({ word: `--${name}`, about: description }))

async function commandsOf({ command, isRoot }: Place, lookUp: LookUp): Promise<Candidate[]> {
  const own = (await listed(command)).map(({ name, about }) => ({ word: name, about }))
  return [...own, ...(isRoot ? await lookUp('EXTENSION') : [])]
}
