import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The words that start the system of this machine: a bundle lies beside that of this program, else there is the source. */
export function localProgram(): string[] {
  const bundle = join(import.meta.dirname, 'local.mjs')
  const source = join(import.meta.dirname, '../functions/local.ts')
  return [process.execPath, existsSync(bundle) ? bundle : source]
}
