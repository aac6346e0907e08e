import { isAbsolute, relative, sep } from 'node:path'

/**
 * The words that call `knit` from a checkout, in a program that npm began. Outside of the directory in which npx found it, npx is told
 * where that is: it would offer to install what the registry knows by that name.
 */
export function npxKnit(env: Record<string, string | undefined>, cwd: string): string[] {
  const prefix = env['npm_config_local_prefix']
  const way = relative(prefix ?? cwd, cwd)
  const isOutside = way.split(sep)[0] === '..' || isAbsolute(way)
  return prefix !== undefined && isOutside ? ['npx', '--prefix', prefix, 'knit'] : ['npx', 'knit']
}
