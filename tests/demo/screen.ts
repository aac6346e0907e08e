import { relative } from 'node:path'
import { stripVTControlCharacters, styleText } from 'node:util'

export type Style = Parameters<typeof styleText>[0]

/** What the demo is shown on: headings with the time, tables, and on a terminal a line that changes. */
export type Screen = {
  heading(text: string): void
  line(text?: string): void
  table(header: string[], rows: string[][]): void
  /** Shows what is going on until the next output. On anything but a terminal: nothing. */
  live(text: string): void
  paint(style: Style, text: string): string
  /** Whether what is written can change later. */
  readonly terminal: boolean
}

type Output = { write(text: string): unknown; isTTY?: boolean; columns?: number }

const indent = '  '

export function makeScreen(output: Output, env: Record<string, string | undefined>): Screen {
  const began = performance.now()
  const terminal = output.isTTY === true
  const colour = terminal && !env.NO_COLOR && env.TERM !== 'dumb'
  const paint = (style: Style, text: string) =>
    colour ? styleText(style, text, { validateStream: false }) : text
  let liveText = ''

  const write = (text: string) => {
    if (liveText !== '') output.write('\r\x1b[2K')
    liveText = ''
    output.write(text)
  }
  const line = (text = '') => write(text === '' ? '\n' : `${indent}${text}\n`)

  return {
    paint,
    terminal,
    line,
    heading(text) {
      const seconds = `${((performance.now() - began) / 1000).toFixed(1)} s`
      write(`\n${paint('bold', text)}  ${paint('dim', seconds)}\n`)
    },
    table(header, rows) {
      const lines = alignColumns([header, ...rows])
      lines.forEach((text, index) => line(index === 0 ? paint('dim', text) : text))
    },
    live(text) {
      if (!terminal || text === liveText) return
      const room = (output.columns || 80) - indent.length - 1
      write(paint('dim', `${indent}${text.slice(0, room)}`))
      liveText = text
    },
  }
}

/** Rows as lines in which every column begins below its heading. */
export function alignColumns(rows: string[][]): string[] {
  const length = (text: string) => stripVTControlCharacters(text).length
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => length(row[column] ?? ''))),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - length(cell)))
      .join('  ')
      .trimEnd(),
  )
}

/** A path as it is typed here: relative, unless it leads out of the current folder. */
export function shortPath(path: string): string {
  const short = relative('.', path)
  return short.startsWith('..') ? path : short || '.'
}
