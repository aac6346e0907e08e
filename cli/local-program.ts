import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isSea } from 'node:sea'

/**
 * How much room new objects have, MiB. Nearly all of them live for a request: with the room that V8 takes by itself a home that works
 * is half as large again, and no faster.
 */
const littleRoom = '--max-semi-space-size=4'

/**
 * The words that start the system of this machine: a bundle lies beside that of this program, else there is the source. A mere client
 * has neither, and an executable is one: it is no Node that another program could be started with.
 */
export function localProgram(): string[] {
  if (isSea()) return []
  const bundle = join(import.meta.dirname, 'local.mjs')
  const source = join(import.meta.dirname, '../functions/local.ts')
  const program = [bundle, source].find((path) => existsSync(path))
  return program === undefined ? [] : [process.execPath, littleRoom, program]
}
