import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'

/** What a running system on this machine writes into its home as `local.json`. */
const Running = z.object({
  pid: z.int().positive(),
  startTime: z.coerce.string(),
  apiRoot: z.string(),
  engine: z.string(),
  auth: z.boolean().optional(),
  home: z.string(),
  startedAt: z.string(),
})
export type Running = z.output<typeof Running>

/** The system that runs in this home; undefined when none does. */
export function findRunning(home: string): Running | undefined {
  const running = readState(home)
  return running && isAlive(running) ? running : undefined
}

function readState(home: string): Running | undefined {
  try {
    return Running.safeParse(JSON.parse(readFileSync(join(home, 'local.json'), 'utf8'))).data
  } catch {
    return undefined
  }
}

/** True while exactly this process lives: a number is given again, a number with its start time is not. */
export function isAlive({ pid, startTime }: Pick<Running, 'pid' | 'startTime'>): boolean {
  if (process.platform === 'linux') return startTimeOf(pid) === startTime
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** When a process started, in ticks since boot: field 22 of /proc/PID/stat. A zombie has ended. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is a name in parentheses, which may itself hold blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[22 - 3]
  } catch {
    return undefined
  }
}
