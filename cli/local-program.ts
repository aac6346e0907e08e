import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isSea } from 'node:sea'

/**
 * How much room new objects have, MiB. Nearly all of them live for a request: with the room that V8 takes by itself a home that works
 * is half as large again, and no faster.
 */
const littleRoom = '--max-semi-space-size=4'

/**
 * How many heaps the threads of the process share, which only its environment can say: with the one that each thread takes by itself, and
 * keeps what it ever had, an idle home is 10 MiB larger, and one that has moved thousands of files 25.
 */
const fewHeaps = ['/usr/bin/env', 'MALLOC_ARENA_MAX=2']

/**
 * The words that start the system of this machine: a bundle lies beside that of this program, else there is the source. A mere client
 * has neither, and an executable is one: it is no Node that another program could be started with.
 */
export function localProgram(): string[] {
  if (isSea()) return []
  const bundle = join(import.meta.dirname, 'local.mjs')
  const source = join(import.meta.dirname, '../functions/local.ts')
  const program = [bundle, source].find((path) => existsSync(path))
  if (program === undefined) return []
  const heaps = process.platform === 'linux' ? fewHeaps : []
  return [...heaps, process.execPath, littleRoom, program]
}
