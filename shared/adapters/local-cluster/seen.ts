import { statSync } from 'node:fs'
import { codeOf } from '#shared/files/error-code.ts'

// EINVAL: what is no link leads nowhere. ESRCH: a process that has ended while it was read.
const UNSEEN = new Set<string | undefined>([
  'ENOENT',
  'ENOTDIR',
  'EACCES',
  'EPERM',
  'ELOOP',
  'ENAMETOOLONG',
  'EINVAL',
  'ESRCH',
])

/**
 * What a look finds; undefined where there is nothing, or nothing for us to see. Any other failure is thrown: it is one of the
 * machine, and tells nothing of what is there.
 */
export function seen<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (isUnseen(error)) return undefined
    throw error
  }
}

export const isUnseen = (error: unknown): boolean => UNSEEN.has(codeOf(error))

/** Whether there is something for us to see. */
export const isThere = (path: string): boolean => seen(() => statSync(path)) !== undefined
