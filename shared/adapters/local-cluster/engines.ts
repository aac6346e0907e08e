import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { bwrapEngine } from './bwrap.ts'
import type { Engine } from './sandbox.ts'
import { unshareEngine } from './unshare.ts'

export type EngineName = 'bwrap' | 'unshare'

/** What runs programs here: bubblewrap if it is installed, else the tools of util-linux. */
export function chooseEngine(
  path: string,
  wanted?: EngineName,
): { name: EngineName; engine: Engine } {
  const name = wanted ?? (isInstalled('bwrap', path) ? 'bwrap' : 'unshare')
  if (!isInstalled(name, path)) throw new Error(`there is no ${name} on the path ${path}`)
  if (name === 'unshare') return { name, engine: unshareEngine }
  const version = execFileSync('bwrap', ['--version'], { encoding: 'utf8', env: { PATH: path } })
  const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(version) ?? []
  return { name, engine: bwrapEngine({ disableUserns: Number(major) > 0 || Number(minor) >= 8 }) }
}

function isInstalled(program: string, path: string): boolean {
  return path.split(':').some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
