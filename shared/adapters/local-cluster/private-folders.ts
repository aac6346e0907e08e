import { existsSync, realpathSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { isWithin } from './mounts.ts'
import { isFolder } from './view.ts'

/** Where the programs of the system are. */
export const TOOLS = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * The folders of this machine in which people keep what is theirs: keys, tokens, letters. Not those that the system itself
 * lives in, which some accounts have for a home.
 */
export function privateFolders(env: { HOME?: string | undefined }): string[] {
  const given = ['/root', '/home', env.HOME, homeOfAccount(), tmpdir()]
  const folders = given.filter((folder) => folder !== undefined && isAbsolute(folder))
  return [...new Set(folders.map((folder) => realOf(folder ?? '/')))].filter(
    (folder) => !isOfTheSystem(folder),
  )
}

/**
 * What the programs on a path need of private folders: the folder on the path, or where that is the `bin` of an installation
 * with `lib` or `libexec` beside it, all of it. Never a whole home directory, nor `.local` in one.
 */
export function installationsOn(path: string, privates: string[]): string[] {
  const isPrivate = (folder: string) => privates.some((other) => isWithin(folder, other))
  const isHome = (folder: string) => privates.includes(folder) || dirname(folder) === '/home'
  const needed = (folder: string) => {
    const above = dirname(folder)
    if (basename(folder) === '.bin' && basename(above) === 'node_modules') return above
    const isWhole = ['lib', 'libexec'].some((name) => isFolder(join(above, name)))
    return isWhole && !isHome(above) && basename(above) !== '.local' ? above : folder
  }
  const folders = path
    .split(':')
    .filter(isAbsolute)
    .map((folder) => resolve(folder))
    .map(needed)
  const everyName = folders.flatMap((folder) => [folder, realOf(folder)])
  return [...new Set(everyName)].filter((folder) => isPrivate(folder) && !isHome(folder))
}

/** Links on the way would let programs see what is hidden by another path. */
export function realOf(folder: string): string {
  return existsSync(folder) ? realpathSync(folder) : resolve(folder)
}

function isOfTheSystem(folder: string): boolean {
  return isWithin(folder, '/usr') || TOOLS.split(':').some((tools) => isWithin(tools, folder))
}

/** As the machine knows it, whatever the environment says; some have an id without an account. */
function homeOfAccount(): string | undefined {
  try {
    return userInfo().homedir
  } catch {
    return undefined
  }
}
