import { createInterface } from 'node:readline/promises'
import type { Context } from './context.ts'

/** Asks the person at the terminal; anything but a yes is a no. */
export async function agreed(
  question: string,
  { stdin, stderr, signal }: Context,
): Promise<boolean> {
  const terminal = createInterface({ input: stdin, output: stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim())
  } finally {
    terminal.close()
  }
}
