import { globalArgs, type Arg, type Args } from './arg.ts'
import { listed, type Command } from './command.ts'
import { placeholder } from './parse.ts'

/** A word that could stand in place of the one that is typed. */
export type Candidate = { word: string; about?: string }

/** `files`: paths of this machine could stand there, too. */
export type Completion = { candidates: Candidate[]; files: boolean }

/** The words that are there already, under the names of what they are given for; of those that may be given again, the last. */
export type GivenWords = Readonly<Record<string, string>>

/** What there is of a kind, as KNIT_ID or KEY:VALUE: what stands for the value in the help. */
export type LookUp = (kind: string, given: GivenWords) => Promise<Candidate[]>

/** Where in the tree the words have led, and what is expected next. */
type Place = {
  command: Command
  isRoot: boolean
  /** The name of the flag that waits for its value. */
  open?: string
  given: GivenWords
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
  const nothing = { given: {}, positionals: 0, ended: false, lost: false }
  let place: Place = { command: root, isRoot: true, ...nothing }
  for (const word of words.slice(0, -1)) place = await after(word, place)
  const ask: Ask = (kind) => lookUp(kind, place.given)
  const { candidates, files } = await expected(typed, place, ask)
  return { candidates: candidates.filter(({ word }) => word.startsWith(typed)), files }
}

async function after(word: string, place: Place): Promise<Place> {
  if (place.open !== undefined) return { ...given(place.open, word, place), open: undefined }
  if (!place.ended && word === '--') return { ...place, ended: true }
  const [, flag, value = ''] = (!place.ended && withValue.exec(word)) || []
  if (flag !== undefined) return given(flag, value, place)
  if (!place.ended && /^-./.test(word)) return { ...place, open: waiting(word, argsAt(place)) }
  if (place.isRoot && word === 'help') return place
  const { subCommands = {} } = place.command
  const load = Object.hasOwn(subCommands, word) ? subCommands[word] : undefined
  if (load) return { ...place, command: await load(), isRoot: false }
  const [name] = positionalAt(place)
  const lost = place.lost || place.isRoot
  return { ...given(name, word, place), positionals: place.positionals + 1, lost }
}

const given = (name: string, word: string, place: Place): Place => ({
  ...place,
  given: { ...place.given, [name]: word },
})

const withValue = /^--([^=]+)=(.*)$/s

/** The name of the flag of which the value comes next. */
function waiting(word: string, args: Args): string | undefined {
  const named = Object.entries(args).find(
    ([name, arg]) => word === `--${name}` || ('alias' in arg && word === `-${arg.alias}`),
  )
  return named && named[1].type !== 'boolean' ? named[0] : undefined
}

const argsAt = ({ command }: Place): Args => ({ ...command.args, ...globalArgs })

type Ask = (kind: string) => Promise<Candidate[]>

async function expected(typed: string, place: Place, ask: Ask): Promise<Completion> {
  const args = argsAt(place)
  if (place.lost) return { candidates: [], files: true }
  if (place.open !== undefined) return values(place.open, args[place.open], ask)
  const [, flag] = (!place.ended && withValue.exec(typed)) || []
  if (flag !== undefined) return withPrefix(`--${flag}=`, await values(flag, args[flag], ask))
  if (!place.ended && typed.startsWith('-')) return { candidates: flagsOf(args), files: false }
  if (place.command.subCommands) return { candidates: await commandsOf(place, ask), files: false }
  return values(...positionalAt(place), ask)
}

/** The positional that comes next; one that takes many takes all that are left. */
function positionalAt(place: Place): [name: string, arg: Arg | undefined] {
  const all = Object.entries(argsAt(place)).filter(([, arg]) => arg.type === 'positional')
  const last = all.at(-1)
  return all[place.positionals] ?? (last?.[1].many ? last : ['', undefined])
}

async function values(name: string, arg: Arg | undefined, ask: Ask): Promise<Completion> {
  if (!arg) return { candidates: [], files: false }
  const kind = arg.type === 'positional' ? placeholder(name) : (arg.valueHint ?? '')
  const choices = arg.choices.map((word) => ({ word }))
  return { candidates: choices.length > 0 ? choices : await ask(kind), files: isFiles(kind) }
}

const withPrefix = (prefix: string, { candidates, files }: Completion): Completion => ({
  candidates: candidates.map(({ word, about }) => ({ word: `${prefix}${word}`, about })),
  files,
})

const flagsOf = (args: Args): Candidate[] =>
  Object.entries(args)
    .filter(([, arg]) => arg.type !== 'positional')
    .map(([name, { description }]) => ({ word: `--${name}`, about: description }))

async function commandsOf({ command, isRoot }: Place, ask: Ask): Promise<Candidate[]> {
  const own = (await listed(command)).map(({ name, about }) => ({ word: name, about }))
  return [...own, ...(isRoot ? await ask('EXTENSION') : [])]
}
