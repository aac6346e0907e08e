import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import manifest from '../package.json' with { type: 'json' }
import { needed } from './own-node.cjs'

const here = import.meta.dirname

/** Makes the folder of an npm package that brings `knit`, a client, and depends on nothing. */
export async function makePackage({ dist, folder }: { dist: string; folder: string }) {
  rmSync(folder, { recursive: true, force: true })
  const files = [
    ...['foreground.mjs', 'knit.1'].map((name) => [join(here, name), `cli/${name}`]),
    ...['cli.cjs', 'licenses.txt'].map((name) => [join(dist, name), `dist/${name}`]),
    [join(here, 'README.md'), 'README.md'],
    [join(here, 'REFERENCE.md'), 'REFERENCE.md'],
    [join(here, '../LICENSE'), 'LICENSE'],
  ]
  for (const [from = '', to = ''] of files) {
    mkdirSync(dirname(join(folder, to)), { recursive: true })
    copyFileSync(from, join(folder, to))
  }
  await makeLauncher(join(folder, 'cli/knit.cjs'))
  const { name, version, description, license, type, bin } = manifest
  // A checkout runs on an older one as well, as npm brings it a newer.
  const engines = { node: `>=${needed}` }
  const own = { name, version, description, license, type, engines, bin, man: 'cli/knit.1' }
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(own, null, 2)}\n`)
}

/** One file: Node takes longer to find and to compile several than to run them. */
async function makeLauncher(outfile: string): Promise<void> {
  const external = ['./main.ts', './foreground.mjs']
  await build({
    entryPoints: [join(here, 'knit.cjs')],
    outfile,
    bundle: true,
    platform: 'node',
    external,
    logLevel: 'warning',
  })
  chmodSync(outfile, 0o755)
}
