import { execFile } from 'node:child_process'
import { userInfo } from 'node:os'
import type { Log } from '#shared/ports/log.ts'
import type { Binaries } from './binaries.ts'
import { explain } from './postgres-unavailable.ts'

/** How a program of Postgres is run here: by which words before it, in which environment. */
export interface Launcher {
  before: string[]
  env: Record<string, string>
  /** The major version of these binaries. */
  major: number
}

// Postgres refuses root, and initdb refuses a user id without a name (as in many containers). In a
// user namespace we are "nobody" to it, and it is still us to the files, so no other account is
// needed, nor a folder outside /root. `unshare` becomes the program, so the pid stays.
const asNobody = ['unshare', '--user', '--map-user=nobody', '--map-group=65534', '--']

// Linux asks Postgres to stop when the thread that started it ends, however it ends.
const untilWeEnd = ['setpriv', '--pdeathsig', 'INT', '--']

/** Finds out how Postgres can run here, and proves it by asking for its version. */
export async function prepareLauncher(
  binaries: Binaries,
  folder: string,
  log?: Log,
): Promise<Launcher> {
  const env = environment(binaries)
  const asUser = isRefused() ? asNobody : []
  const [version, tied] = await Promise.all([
    run([...asUser, binaries.postgres, '--version'], env),
    run([...untilWeEnd, 'true'], env),
  ])
  if (!version.ok) throw explain('Postgres does not run', folder, version.output)
  if (!tied.ok) log?.info('no setpriv: if we are killed, the next start ends this Postgres')
  const major = Number(version.output.match(/\) (\d+)/)?.[1])
  return { before: [...asUser, ...(tied.ok ? untilWeEnd : [])], env, major }
}

function isRefused() {
  try {
    return userInfo().uid === 0
  } catch {
    return true
  }
}

// PGDATA, PGPORT and their like belong to other servers: only what a program needs is passed on.
function environment({ libraryPath }: Binaries) {
  const { PATH = '/usr/bin:/bin', LD_LIBRARY_PATH, DYLD_LIBRARY_PATH } = process.env
  const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH'
  const inherited = process.platform === 'darwin' ? DYLD_LIBRARY_PATH : LD_LIBRARY_PATH
  const libraries = [libraryPath, inherited].filter(Boolean).join(':')
  return { PATH, LC_ALL: 'C', TZ: 'UTC', ...(libraries && { [variable]: libraries }) }
}

/** Runs a program to its end. It never throws: failing to start is an answer too. */
export function run([program = '', ...args]: string[], env: Record<string, string>, cwd = '/') {
  return new Promise<{ ok: boolean; output: string }>((resolve) => {
    execFile(program, args, { env, cwd }, (error, stdout, stderr) => {
      const unstarted = typeof error?.code === 'string' ? error.message : ''
      resolve({ ok: !error, output: `${stdout}${stderr}${unstarted}` })
    })
  })
}
