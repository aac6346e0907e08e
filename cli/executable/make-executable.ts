import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { sampleData, sampleRun } from '#shared/client/wire-samples.ts'
import { makePackage } from '../npm-package.ts'
import { here, nodeOf, whyNot } from './platform-node.ts'

const run = promisify(execFile)

/** Where Node looks for what has been put into it, and by what it knows that something has. */
const resource = 'NODE_SEA_BLOB'
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

type Wanted = {
  platform: string
  /** Has the bundle of the command line, and the licences. */
  dist: string
  /** Gets the executable, and what it is made from meanwhile. */
  folder: string
}

/** Makes `knit` one file that needs nothing else, the Node of a platform with our bundle in it; answers its path. */
export async function makeExecutable({ platform, dist, folder }: Wanted): Promise<string> {
  const reason = whyNot(platform)
  if (reason !== undefined) throw new Error(`no executable for ${platform}: ${reason}`)
  const draft = await mkdtemp(resolve(folder, '.making-'))
  try {
    const node = await nodeOf(platform, draft)
    const maker = platform === here ? node : await nodeOf(here, draft)
    const blob = await makeBlob(draft, { platform, dist, maker })
    const file = join(
      folder,
      platform.startsWith('win') ? `knit-${platform}.exe` : `knit-${platform}`,
    )
    await rm(file, { force: true })
    await copyFile(node, file)
    await putInto(file, blob)
    return file
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

type Parts = { platform: string; dist: string; maker: string }

/** The bundle and the licences, Node's own among them, as Node has them within itself. */
async function makeBlob(draft: string, { platform, dist, maker }: Parts): Promise<string> {
  const [licenses, output] = [join(draft, 'licenses.txt'), join(draft, 'blob')]
  const ours = await readFile(join(dist, 'licenses.txt'), 'utf8')
  // Not every package brings it, and of one version it is the same.
  const itself = await readFile(join(dirname(maker), '../LICENSE'), 'utf8')
  await writeFile(licenses, [ours, `node\n\n${itself}`].join(`\n${'-'.repeat(80)}\n\n`))
  const main = join(draft, 'main.cjs')
  const entry = join(import.meta.dirname, 'main.cjs')
  await build({ entryPoints: [entry], outfile: main, bundle: true, platform: 'node' })
  const config = {
    main,
    output,
    assets: {
      'cli.cjs': resolve(dist, 'cli.cjs'),
      'licenses.txt': licenses,
      // What V8 has compiled is good for the platform it was compiled on.
      ...(platform === here && (await compiled(draft, { dist, maker }))),
    },
    disableExperimentalSEAWarning: true,
  }
  const file = join(draft, 'sea.json')
  await writeFile(file, JSON.stringify(config))
  await run(maker, ['--experimental-sea-config', file])
  return output
}

/** What V8 compiles for a few command lines, as an installed package keeps it. */
async function compiled(draft: string, { dist, maker }: Omit<Parts, 'platform'>) {
  const [folder, kept, store] = [join(draft, 'npm'), join(draft, 'compiled'), join(draft, 'store')]
  await makePackage({ dist, folder })
  const found = [sampleData('d1', sampleRun('u1', {}), [sampleRun('r1', {})], ['type:photo'])]
  await using server = await stubOfTheWire(() => ({ json: found }))
  await writeFile(store, JSON.stringify({ made: { apiRoot: server.apiRoot, cert: {} } }))
  const env = { KNIT_PROFILE: 'made', KNIT_PROFILE_STORE: store, NODE_COMPILE_CACHE: kept }
  for (const words of [['--version'], ['--help'], ['data', 'find']])
    await run(maker, [join(folder, 'cli/knit.cjs'), ...words], { cwd: draft, env })
  const files = await readdir(kept, { recursive: true })
  const assets = files.flatMap((file) => {
    const [, kind] = /knit-\w+-(.+)$/.exec(file) ?? []
    return kind === undefined
      ? []
      : [[`compiled/${decodeURIComponent(kind)}`, join(kept, file)] as const]
  })
  return Object.fromEntries(assets)
}

/** By a process of its own: it takes several times the room of the file. */
async function putInto(file: string, blob: string): Promise<void> {
  const { size: before } = await stat(file)
  const program = createRequire(import.meta.url).resolve('postject/dist/cli.js')
  await run(process.execPath, [program, file, resource, blob, '--sentinel-fuse', fuse])
  const [{ size: after }, { size: added }] = [await stat(file), await stat(blob)]
  // Of a file that has no room for it, it says that it was done.
  if (after < before + added) throw new Error(`nothing could be put into ${file}`)
}
