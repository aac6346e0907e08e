import { parseArgs } from 'node:util'
import type { Arg, Args, Values } from './arg.ts'
import { didYouMean } from './did-you-mean.ts'
import { UsageError } from './failure.ts'

// citty reads the same definitions for the help, but its parser takes unknown flags, keeps only the last of repeated
// ones and knows no list of positionals. So the splitting is node:util's, and the judging is here.

/** Index in `words` of the first that is neither a flag nor the value of one; -1 when there is none. */
export function firstPositional(words: string[], args: Args): number {
  return tokensOf(words, args).find(({ kind }) => kind === 'positional')?.index ?? -1
}

export const positionalsOf = (words: string[], args: Args): string[] =>
  tokensOf(words, args).flatMap((token) => (token.kind === 'positional' ? [token.value] : []))

/** True even where other arguments are missing or wrong. */
export const asksForHelp = (words: string[], args: Args): boolean =>
  tokensOf(words, args).some((token) => token.kind === 'option' && token.name === 'help')

/** Reads the words behind a command. Throws `UsageError`. */
export function parse<A extends Args>(words: string[], args: A): Values<A> {
  const raw = new Map<string, string[]>()
  const positionals: string[] = []
  for (const token of tokensOf(words, args)) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const arg = Object.hasOwn(args, token.name) ? args[token.name] : undefined
    if (!arg || arg.type === 'positional') throw unknownFlag(token.rawName, args)
    raw.set(token.name, [...(raw.get(token.name) ?? []), textOf(token)])
  }
  distribute(positionals, args, raw)
  const values = Object.entries(args).map(([name, arg]) => [
    name,
    valueOf(name, arg, raw.get(name)),
  ])
  return Object.fromEntries(values)

  function textOf(token: { name: string; rawName: string; value?: string }): string {
    if (args[token.name]?.type === 'boolean') return token.value ?? 'true'
    if (token.value === undefined) throw new UsageError(`${token.rawName} needs a value`)
    // As in -t=a:b, which node:util reads as the value "=a:b".
    return token.rawName.startsWith('--') ? token.value : token.value.replace(/^=/, '')
  }
}

function tokensOf(words: string[], args: Args) {
  const flags = Object.entries(args).filter(([, arg]) => arg.type !== 'positional')
  const options = flags.map(([name, arg]) => {
    const short = 'alias' in arg && typeof arg.alias === 'string' ? { short: arg.alias } : {}
    return [name, { type: arg.type === 'boolean' ? 'boolean' : 'string', ...short } as const]
  })
  const config = { args: words, options: Object.fromEntries(options), strict: false, tokens: true }
  return parseArgs({ ...config, allowPositionals: true, tokens: true }).tokens
}

/** Gives each positional its words, in order; one that takes many takes the rest. */
function distribute(words: string[], args: Args, raw: Map<string, string[]>): void {
  const rest = [...words]
  for (const [name, arg] of Object.entries(args)) {
    if (arg.type !== 'positional') continue
    const taken = rest.splice(0, arg.many ? rest.length : 1)
    if (taken.length > 0) raw.set(name, taken)
    else if (arg.required) throw new UsageError(`${placeholder(name)} is missing`)
  }
  if (rest.length > 0) throw new UsageError(`too many arguments: ${rest.join(' ')}`)
}

function valueOf(name: string, arg: Arg, texts: string[] | undefined): unknown {
  const last = texts?.at(-1)
  const given = arg.type === 'boolean' ? readBoolean(name, last) : arg.many ? texts : last
  return arg.read(given, arg.type === 'positional' ? placeholder(name) : `--${name}`)
}

function readBoolean(name: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined
  if (/^(true|yes|on|1)$/i.test(text)) return true
  if (/^(false|no|off|0)$/i.test(text)) return false
  throw new UsageError(`--${name} is a switch: it is true or false, not "${text}"`)
}

function unknownFlag(rawName: string, args: Args): UsageError {
  const names = Object.keys(args).filter((name) => args[name]?.type !== 'positional')
  return new UsageError(`unknown flag ${rawName}${didYouMean(rawName.slice(2), names, '--')}`)
}

/** How a positional is written in help and messages: `knitId` is KNIT_ID. */
export const placeholder = (name: string): string =>
  name.replace(/(?<=[a-z])([A-Z])/g, '_$1').toUpperCase()
