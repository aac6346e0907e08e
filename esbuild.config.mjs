import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { build } from 'esbuild'

const out = process.argv[2] ?? 'dist'

/** Every function with the name of its service, found in the tree. */
function functions() {
  const found = [['gateway', 'functions/gateway/function.ts']]
  for (const [folder, prefix] of [
    ['api', 'api'],
    ['steps', 'step'],
  ])
    for (const name of readdirSync(`functions/${folder}`).sort())
      found.push([`${prefix}-${name}`, `functions/${folder}/${name}/function.ts`])
  return found
}

/** A program that runs once, with its entry. */
function jobs() {
  if (!existsSync('functions/jobs')) return []
  return readdirSync('functions/jobs')
    .sort()
    .map((name) => [`job-${name}`, `functions/jobs/${name}/main.ts`])
}

/** What packages bring along and nothing here uses: 260 KB of zod's languages, and HTTP/2, which takes a while to load. */
const lean = {
  name: 'lean',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /locales\/index\.js$/ }, ({ importer }) =>
      importer.includes('node_modules/zod/') ? { path: 'locales', namespace: 'lean' } : undefined,
    )
    onResolve({ filter: /^node:http2$/ }, ({ importer }) =>
      importer.includes('node_modules/@hono/') ? { path: 'http2', namespace: 'lean' } : undefined,
    )
    onLoad({ filter: /^locales$/, namespace: 'lean' }, () => ({ contents: 'export {}' }))
    onLoad({ filter: /^http2$/, namespace: 'lean' }, () => ({
      contents: 'export class Http2ServerRequest {}\nexport const constants = {}',
    }))
  },
}

const common = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minify: true,
  keepNames: true,
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [lean],
  // Some packages still call require, which an ES module does not have.
  banner: {
    js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);",
  },
}

const served = ([name, path]) =>
  build({
    ...common,
    stdin: {
      contents: `import fn from './${path}'\nimport { serve } from '#shared/runtime/serve.ts'\nserve(fn)\n`,
      resolveDir: '.',
      sourcefile: `${name}.ts`,
      loader: 'ts',
    },
    outfile: `${out}/functions/${name}.mjs`,
  })

const program = ([name, path]) =>
  build({ ...common, entryPoints: [path], outfile: `${out}/${name}.mjs` })

rmSync(out, { recursive: true, force: true })
const programs = [['local', 'functions/local.ts'], ['cli', 'cli/main.ts'], ...jobs()]
await Promise.all([...functions().map(served), ...programs.map(program)])
cpSync('shared/database/migrations', `${out}/migrations`, { recursive: true })
console.log(`${functions().length} functions and ${programs.length} programs are in ${out}/`)
