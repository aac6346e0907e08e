import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import yaml from 'yaml'
import { licensesOf } from './licenses.ts'

/**
 * Makes the command line one file, `cli.cjs`, with the licences of all there is in it beside it; tells what it is made of.
 *
 * It is CommonJS: a module of Node is then loaded where it is first needed and not before all else, and an executable takes it.
 * Every command is in it, and evaluated when it is called. The last line is the digest of all before: whoever keeps what was compiled of
 * it knows by that what it was.
 */
export async function bundle(dist: string, { sourcemap = false } = {}) {
  const file = join(dist, 'cli.cjs')
  const { metafile } = await build({
    entryPoints: [join(import.meta.dirname, 'main.ts')],
    outfile: file,
    metafile: true,
    // In a file of its own.
    sourcemap: sourcemap && 'external',
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    define: { 'import.meta.dirname': '__dirname' },
    plugins: [lateYaml],
    // Without the names of functions, which would be put back one by one whenever it starts.
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
  })
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex')
  appendFileSync(file, `// ${digest}\n`)
  writeFileSync(join(dist, 'licenses.txt'), licensesOf(join(import.meta.dirname, '..')))
  return metafile
}

/** YAML is loaded when something of it is used, which few command lines do. */
const lateYaml: Plugin = {
  name: 'late-yaml',
  setup({ onResolve, onLoad }) {
    const [filter, namespace] = [/^yaml$/, 'late'] as const
    onResolve({ filter }, ({ path, namespace: from }) =>
      from === namespace ? undefined : { path, namespace },
    )
    const names = Object.keys(yaml).map(
      (name) => `get ${name}() { return require('yaml').${name} }`,
    )
    onLoad({ filter, namespace }, () => ({
      contents: `module.exports = { ${names} }`,
      resolveDir: import.meta.dirname,
    }))
  },
}
