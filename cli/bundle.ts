import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build, transform, type OutputFile, type Plugin } from 'esbuild'
import yaml from 'yaml'
import type { Command } from './command.ts'
import { licensesOf } from './licenses.ts'
import { root } from './root.ts'

/**
 * Makes the command line one file, `cli.cjs`, with the licences of all there is in it beside it; tells what it is made of.
 *
 * It is CommonJS: a module of Node is then loaded where it is first needed and not before all else, and an executable takes it.
 * Its parts, of which a command needs few, are functions: V8 compiles nothing of one that is not called, and keeps nothing of it. The
 * last line is for whoever keeps what was compiled of it: which commands have others below them, and the digest of all before.
 */
export async function bundle(dist: string, { sourcemap = false } = {}) {
  const { metafile, outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'main.ts')],
    outdir: dist,
    write: false,
    metafile: true,
    sourcemap: sourcemap && 'inline',
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    define: { 'import.meta.dirname': '__dirname' },
    plugins: [lateYaml],
    // Without the names of functions, which would be put back one by one whenever it starts.
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
  })
  const parts = await Promise.all(outputFiles.map((file) => partOf(file, sourcemap)))
  const { text, map } = joined(parts)
  const digest = createHash('sha256').update(text).digest('hex')
  mkdirSync(dist, { recursive: true })
  writeFileSync(join(dist, 'cli.cjs'), `${text}// ${(await groupsOf(root)).join(' ')} ${digest}\n`)
  if (sourcemap) writeFileSync(join(dist, 'cli.cjs.map'), JSON.stringify(map))
  writeFileSync(join(dist, 'licenses.txt'), licensesOf(join(import.meta.dirname, '..')))
  return metafile
}

async function groupsOf({ subCommands = {} }: Command): Promise<string[]> {
  const all = Object.entries(subCommands).map(async ([name, load]) =>
    (await load()).subCommands ? [name] : [],
  )
  return (await Promise.all(all)).flat()
}

type Part = { name: string; code: string; map: string }

/** What some commands have in common and no others, or the beginning of one, as the body of a function. */
async function partOf({ path, text }: OutputFile, sourcemap: boolean): Promise<Part> {
  const { code, map } = await transform(withExports(text), {
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    // It is in the same file.
    supported: { 'dynamic-import': false },
    sourcemap: sourcemap && 'external',
    minify: true,
    legalComments: 'none',
  })
  return { name: `./${basename(path)}`, code, map }
}

/** What esbuild makes of exports takes longer, at each start: as none of the parts that import each other do so in a circle, it is not needed. */
const withExports = (text: string): string =>
  text.replace(/export\{([^}]*)\};(?=\n(?:\/\/# .*\n)?$)/, (_, names: string) => {
    const getters = names.split(',').map((name) => {
      const [own, given = own] = name.split(' as ')
      return `get ${given}(){return ${own}}`
    })
    return `module.exports={__esModule:true,${getters.join()}};`
  })

/** Parts ask for each other, and for modules of Node, by `require`. */
function joined(parts: readonly Part[]) {
  let text = 'const parts = {\n'
  const sections = parts.map(({ name, code, map }) => {
    text += `${JSON.stringify(name)}(require, module) {\n`
    const line = text.split('\n').length - 1
    text += `${code}},\n`
    return { offset: { line, column: 0 }, map: map && (JSON.parse(map) as object) }
  })
  text += `}
const modules = {}
function load(name) {
  if (!Object.hasOwn(parts, name)) return require(name)
  if (!Object.hasOwn(modules, name)) parts[name](load, (modules[name] = { exports: {} }))
  return modules[name].exports
}
load('./main.js')
`
  return { text, map: { version: 3, sections } }
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
