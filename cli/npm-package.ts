import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import manifest from '../package.json' with { type: 'json' }

const here = import.meta.dirname
const launcher = [
  'knit.cjs',
  'own-node.cjs',
  'foreground.mjs',
  'start-bundle.cjs',
  'run-bundle.cjs',
  'knit.1',
]

/** Makes the folder of an npm package that brings `knit`, a client, and depends on nothing. */
export function makePackage({ dist, folder }: { dist: string; folder: string }): void {
  rmSync(folder, { recursive: true, force: true })
  const files = [
    ...launcher.map((name) => [join(here, name), `cli/${name}`]),
    ...['cli.cjs', 'licenses.txt'].map((name) => [join(dist, name), `dist/${name}`]),
    [join(here, 'README.md'), 'README.md'],
    [join(here, 'REFERENCE.md'), 'REFERENCE.md'],
    [join(here, '../LICENSE'), 'LICENSE'],
  ]
  for (const [from = '', to = ''] of files) {
    mkdirSync(dirname(join(folder, to)), { recursive: true })
    copyFileSync(from, join(folder, to))
  }
  const { name, version, description, license, type, engines, bin } = manifest
  const own = { name, version, description, license, type, engines, bin, man: 'cli/knit.1' }
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(own, null, 2)}\n`)
}
