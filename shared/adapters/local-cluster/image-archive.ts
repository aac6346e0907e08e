import { execFile } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { promisify } from 'node:util'
import { removeTree } from '#shared/files/trash.ts'

/** What an image says of how its programs are run. */
export type ImageConfig = {
  entrypoint: string[]
  cmd: string[]
  env: Record<string, string>
  workingDir: string
}

const run = promisify(execFile)

type Descriptor = { digest: string; mediaType?: string; platform?: { architecture: string } }
type ImageLayers = { layers: string[]; config: string }

/**
 * Unpacks an archive to `root` in a folder: a root file system, or an image as `docker save` or an OCI layout has it,
 * whose configuration is returned. Compressed ones are recognised by tar.
 */
export async function unpackImage(archive: string, folder: string): Promise<Partial<ImageConfig>> {
  const root = join(folder, 'root')
  mkdirSync(root)
  const names = (await list(archive)).map((name) => normalize(name))
  if (!names.includes('manifest.json') && !names.includes('index.json')) {
    await extract(archive, root)
    return {}
  }
  const parts = join(folder, 'parts')
  mkdirSync(parts)
  await extract(archive, parts)
  const { layers, config } = names.includes('manifest.json')
    ? dockerLayers(parts)
    : ociLayers(parts)
  for (const layer of layers) await applyLayer(layer, root)
  const read = configOf(readJson(config))
  await removeTree(parts)
  return read
}

function dockerLayers(parts: string): ImageLayers {
  const manifest = readJson(join(parts, 'manifest.json')) as { Config: string; Layers: string[] }[]
  const [image] = manifest
  if (!image || manifest.length > 1) throw new Error('the archive must hold exactly one image')
  return {
    layers: image.Layers.map((layer) => within(parts, layer)),
    config: within(parts, image.Config),
  }
}

function ociLayers(parts: string): ImageLayers {
  const blob = ({ digest }: Descriptor) => within(parts, join('blobs', digest.replace(':', '/')))
  let found = readJson(join(parts, 'index.json')) as { manifests?: Descriptor[] }
  // An index may lead to another one, of one image for several kinds of machines.
  while (found.manifests) {
    const own = process.arch === 'x64' ? 'amd64' : process.arch
    const fits = found.manifests.filter(
      ({ platform }) => !platform || platform.architecture === own,
    )
    const [first] = fits
    if (!first) throw new Error(`the archive holds no image for ${own}`)
    found = readJson(blob(first)) as typeof found
  }
  const manifest = found as unknown as { layers: Descriptor[]; config: Descriptor }
  return { layers: manifest.layers.map(blob), config: blob(manifest.config) }
}

function configOf(read: unknown): Partial<ImageConfig> {
  type Config = { Entrypoint?: string[]; Cmd?: string[]; Env?: string[]; WorkingDir?: string }
  const config = (read as { config?: Config }).config ?? {}
  const pairs = (config.Env ?? []).map((variable) => {
    const middle = variable.indexOf('=')
    return [variable.slice(0, middle), variable.slice(middle + 1)]
  })
  return {
    entrypoint: config.Entrypoint ?? [],
    cmd: config.Cmd ?? [],
    env: Object.fromEntries(pairs),
    workingDir: config.WorkingDir || '/',
  }
}

/** A layer says what to remove by empty files with special names, then what to add. */
async function applyLayer(layer: string, root: string): Promise<void> {
  const names = (await list(layer)).map((name) => normalize(`/${name}`))
  for (const name of names) requireNoLinkAbove(root, name)
  for (const name of names) {
    const [, folder = '', removed] = /^(.*)\/\.wh\.(.+)$/.exec(name) ?? []
    if (removed === undefined) continue
    if (removed === '.' || removed === '..') throw new Error(`the image has a file named ${name}`)
    const doomed = removed === '.wh..opq' ? entriesOf(root + folder) : [removed]
    for (const entry of doomed) await removeTree(join(root + folder, entry))
  }
  await extract(layer, root)
}

/** Tar would follow a link that an earlier layer has put in the way of this one, out of the image. */
function requireNoLinkAbove(root: string, name: string): void {
  for (let above = dirname(name); above !== '/'; above = dirname(above)) {
    if (lstatSync(root + above, { throwIfNoEntry: false })?.isSymbolicLink()) {
      throw new Error(`the image has ${name} below ${above}, which is a link: it may be damaged`)
    }
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

async function list(archive: string): Promise<string[]> {
  const options = { maxBuffer: 512 * 1024 * 1024 }
  const { stdout } = await run(
    'tar',
    ['--list', '--quoting-style=literal', '--file', archive],
    options,
  )
  return stdout.split('\n').filter(Boolean)
}

/** Whatever users an archive names, its files become ours, and such that we can read and remove them. */
async function extract(archive: string, folder: string): Promise<void> {
  const devices = ['--anchored', '--exclude=dev/*', '--exclude=./dev/*', '--no-anchored']
  const flags = ['--extract', '--no-same-owner', '--delay-directory-restore', '--exclude=.wh.*']
  await run('tar', [...flags, ...devices, '--directory', folder, '--file', archive])
  await run('chmod', ['-R', 'u+rwX', folder])
}

function within(folder: string, name: string): string {
  const path = join(folder, name)
  if (!path.startsWith(`${folder}/`))
    throw new Error(`the archive names ${name}, which is outside of it`)
  return path
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'))
}
