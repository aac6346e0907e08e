import { hostname } from 'node:os'
import { codeOf } from './error-code.ts'
import type { Identity } from './lock.ts'

/**
 * By what processes know each other on any system. It is little: an id may have been given to another process since, so nobody
 * may wait for ever for who seems to be alive.
 */
export const anyProcess: Identity<{ pid: number; host: string }> = {
  own: () => ({ pid: process.pid, host: hostname() }),
  isAlive({ pid, host }) {
    // Several machines may share a folder, and of processes elsewhere nothing can be seen.
    if (host !== hostname()) return true
    try {
      process.kill(pid, 0)
      return true
    } catch (error) {
      return codeOf(error) === 'EPERM'
    }
  },
}
