import type { Writable } from 'node:stream'
import { visible } from '#shared/domain/visible.ts'
import type { Context } from './context.ts'

/** A column of a table: its title and what it shows of a thing. */
export type Column<T> = [title: string, show: (thing: T) => string]

type Output = { output: 'json' | 'table' }

/** Prints the result of a command: JSON, or a table of the same things. */
export function print<T>(ctx: Context, result: T | T[], { output }: Output, columns: Column<T>[]) {
  if (output === 'table') ctx.stdout.write(table([result].flat() as T[], columns))
  else printJson(ctx, result)
}

export const printJson = (ctx: { stdout: Writable }, value: unknown): void => {
  ctx.stdout.write(`${json(value)}\n`)
}

const escapes: Record<string, string> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/** Indented by four, and safe inside HTML: the form scripts know. */
export const json = (value: unknown): string =>
  JSON.stringify(value, null, 4).replace(
    /[<>&\u2028\u2029]/g,
    (letter) => escapes[letter] ?? letter,
  )

/** Whether what is written to a stream may be coloured. */
export const inColour = (stream: { isTTY?: boolean }, env: Context['env']): boolean =>
  Boolean(stream.isTTY) && !env['NO_COLOR'] && env['TERM'] !== 'dumb'

/** Lines in which every column begins below its title. */
export function table<T>(things: readonly T[], columns: readonly Column<T>[]): string {
  const rows = [
    columns.map(([title]) => title),
    ...things.map((thing) => columns.map(([, show]) => visible(show(thing)))),
  ]
  const widths = columns.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)))
  const line = (row: string[]) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd()
  return rows.map((row) => `${line(row)}\n`).join('')
}

/** Tells people what happens; stdout is for results. */
export function note(ctx: Context, message: string): void {
  ctx.stderr.write(`[${ctx.name}] ${clock(new Date())} ${message}\n`)
}

function clock(now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('/')
  return `${day} ${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(':')}`
}
