import { stringify } from 'yaml'
import { visible, visibleLines } from '#shared/domain/visible.ts'
import type { Format } from './args.ts'
import type { Context } from './context.ts'
import { clearLine } from './drawn-line.ts'
import { agoText, localTime } from './formats.ts'
import { linesOf, type Cut } from './table.ts'

/**
 * A column of a table: its title, what it shows of a thing, with times as `time` shows them, and which part of that is left where there
 * is no room for all of it; else the beginning.
 */
export type Column<T> = [title: string, show: (thing: T, time: ShowTime) => string, cut?: Cut]
type ShowTime = (text: string) => string

type Output = { output: Format }

/** Prints the result of a command, or a table or the names of what it is about. */
export function print<T>(
  ctx: Context,
  result: T | readonly T[],
  { output }: Output,
  columns: readonly Column<T>[],
): void {
  const things = [result].flat() as T[]
  const write: Record<Format, () => string> = {
    json: () => `${json(result)}\n`,
    yaml: () => yaml(result),
    table: () => table(things, columns, lookAt(ctx)),
    name: () => names(things, columns),
  }
  ctx.stdout.write(write[output]())
}

/** Prints a list as it comes, as `print` would all of it; only a table waits for the last. */
export async function printEach<T>(
  ctx: Context,
  things: AsyncIterable<T>,
  { output }: Output,
  columns: readonly Column<T>[],
): Promise<void> {
  if (output === 'json') return printArray(ctx, things)
  if (output === 'table') return print(ctx, await Array.fromAsync(things), { output }, columns)
  let isEmpty = true
  for await (const thing of things) {
    print(ctx, [thing], { output }, columns)
    isEmpty = false
  }
  if (isEmpty) print(ctx, [], { output }, columns)
}

async function printArray({ stdout }: Context, things: AsyncIterable<unknown>): Promise<void> {
  let before = '['
  for await (const thing of things) {
    stdout.write(`${before}\n${indented(json(thing))}`)
    before = ','
  }
  stdout.write(before === '[' ? '[]\n' : '\n]\n')
}

const indented = (text: string): string => text.replace(/^/gm, indent)

/** Prints results one by one as they come, each a document of its own; a table is printed when all are there. */
export class Printer<T> implements Disposable {
  /** Those of a table. */
  readonly #rows: T[] = []
  #isFirst = true
  readonly #ctx: Context
  readonly #output: Output
  readonly #columns: readonly Column<T>[]

  constructor(ctx: Context, output: Output, columns: readonly Column<T>[]) {
    this.#ctx = ctx
    this.#output = output
    this.#columns = columns
  }

  add(thing: T): void {
    const { output } = this.#output
    if (output === 'table') return void this.#rows.push(thing)
    if (output === 'yaml' && !this.#isFirst) this.#ctx.stdout.write('---\n')
    this.#isFirst = false
    print(this.#ctx, thing, this.#output, this.#columns)
  }

  [Symbol.dispose](): void {
    if (this.#rows.length > 0) print(this.#ctx, this.#rows, this.#output, this.#columns)
  }
}

const names = <T>(things: readonly T[], [first]: readonly Column<T>[]): string =>
  things.map((thing) => `${visible(first?.[1](thing, localTime) ?? '')}\n`).join('')

const yaml = (value: unknown): string =>
  stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })

const indent = ' '.repeat(4)

/** Indented by four, safe inside HTML, and without what would do something to a terminal: the form scripts know. */
export const json = (value: unknown): string =>
  JSON.stringify(value, null, indent).replace(
    /[<>&\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** How wide a table may be, and how it shows times. */
type Look = { width: number; time: ShowTime }

const lookAt = ({ stdout }: Context): Look =>
  stdout.isTTY ? { width: widthAt(stdout), time: agoText } : anywhere

/** How wide what is printed may be: only a terminal has a width, and not every one knows it. */
export const widthAt = ({ columns }: Context['stdout']): number => columns || Infinity

const anywhere: Look = { width: Infinity, time: localTime }

/** Lines in which every column begins below its title. */
export function table<T>(
  things: readonly T[],
  columns: readonly Column<T>[],
  { width, time }: Look = anywhere,
): string {
  const rows = [
    columns.map(([title]) => title),
    ...things.map((thing) => columns.map(([, show]) => visible(show(thing, time)))),
  ]
  const cuts = columns.map(([, , cut]) => cut)
  return linesOf(rows, cuts, width)
    .map((line) => `${line}\n`)
    .join('')
}

/** Tells people what happens; stdout is for results. */
export function note(ctx: Context, message: string): void {
  if (ctx.flags.quiet) return
  clearLine(ctx.stderr)
  ctx.stderr.write(`[${ctx.name}] ${clock(new Date())} ${visibleLines(message)}\n`)
}

function clock(now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('/')
  return `${day} ${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(':')}`
}
