import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from '../../cli/bundle.ts'
import { makePackage } from '../../cli/npm-package.ts'

/** Makes `knit` as those have it who install it, in a folder: what Node starts, how large it is, and what maps it to its sources. */
export async function packageClient(dist: string) {
  const built = await bundle(dist, { sourcemap: true })
  const folder = join(dist, 'npm')
  await makePackage({ dist, folder })
  return { built, knit: join(folder, 'cli/knit.cjs'), map: join(dist, 'cli.cjs.map') }
}

/** What `knit` is started with to use a server; what V8 has compiled is kept in the same folder. */
export function clientOf(
  cwd: string,
  { apiRoot, token }: { apiRoot: string; token?: string },
): { cwd: string; env: NodeJS.ProcessEnv } {
  writeFileSync(join(cwd, '.knitprofile'), 'bench')
  // As `knit init` writes it.
  const store = { bench: { apiRoot, ...(token && { token }), cert: {} } }
  writeFileSync(join(cwd, 'store'), `${JSON.stringify(store, null, 4)}\n`)
  const env = {
    PATH: process.env['PATH'],
    HOME: cwd,
    KNIT_PROFILE_STORE: join(cwd, 'store'),
    NODE_COMPILE_CACHE: join(cwd, 'compiled'),
  }
  return { cwd, env }
}
