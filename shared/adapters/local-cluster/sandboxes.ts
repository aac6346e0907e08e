import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { withBwrap } from './bwrap.ts'
import type { ProgramUser } from './program-user.ts'
import { CannotRun } from './refusal.ts'
import type { SandboxMaker } from './sandbox.ts'
import { withUnshare } from './unshare.ts'

export type SandboxName = 'bwrap' | 'unshare'
const PACKAGES: Record<SandboxName, string> = { bwrap: 'bubblewrap', unshare: 'util-linux' }

/**
 * What runs programs here: bubblewrap if it is installed, else the tools of util-linux. With bubblewrap whoever mounts is
 * also whom the program runs as, so it is not for root.
 */
export function chooseSandbox(path: string, user: ProgramUser, wanted?: SandboxName): SandboxMaker {
  const name = wanted ?? (!user.apart && isInstalled('bwrap', path) ? 'bwrap' : 'unshare')
  if (name === 'bwrap' && user.apart) throw new CannotRun('bwrap would run programs as root')
  if (!isInstalled(name, path))
    throw new CannotRun(
      `There is no ${name} on the path ${path}.\nInstall ${PACKAGES[name]}: apt-get install ${PACKAGES[name]}`,
    )
  if (name === 'unshare') return withUnshare
  const version = execFileSync('bwrap', ['--version'], { encoding: 'utf8', env: { PATH: path } })
  const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(version) ?? []
  return withBwrap({ disableUserns: Number(major) > 0 || Number(minor) >= 8 })
}

export function isInstalled(program: string, path: string): boolean {
  return path.split(':').some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
