import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { build } from 'esbuild'

const out = 'dist'

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

const common = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minify: true,
  keepNames: true,
  legalComments: 'none',
  logLevel: 'warning',
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
