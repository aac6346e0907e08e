import type { Writable } from 'node:stream'

const clear = '\u001B[K'
const drawnOn = new WeakSet<Writable>()

/** Draws a line on a terminal over the one before. What is left of that is cleared last: a line that is cleared first flickers. */
export function drawLine(terminal: Writable, line: string): void {
  drawnOn.add(terminal)
  terminal.write(`\r${line}${clear}`)
}

/** Takes the line away again, if one stands there, so that something else can be said. */
export function clearLine(terminal: Writable): void {
  if (drawnOn.delete(terminal)) terminal.write(`\r${clear}`)
}
