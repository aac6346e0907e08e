import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { getAsset, isSea } from 'node:sea'
import * as z from 'zod'

const Manifest = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string().optional().catch(undefined),
  dependencies: z.record(z.string(), z.string()).default({}),
})
type Package = z.output<typeof Manifest> & { dir: string }

const root = join(import.meta.dirname, '..')
/** Beside the bundle, which is without the packages it is made of. */
const collected = join(import.meta.dirname, 'licenses.txt')

/** The licence of this program, then those of all it contains, as their authors wrote them. */
export function licenses(): string {
  if (isSea()) return getAsset('licenses.txt', 'utf8')
  return existsSync(collected) ? readFileSync(collected, 'utf8') : licensesOf(root)
}

/** The licences of a package and of every package it depends on. */
export function licensesOf(dir: string): string {
  const found = new Map<string, Package>()
  collect(dir, found)
  const [own, ...others] = found.values()
  const sorted = others.sort((a, b) => (a.name < b.name ? -1 : 1))
  return [own, ...sorted]
    .flatMap((one) => (one ? [section(one)] : []))
    .join(`\n${'-'.repeat(80)}\n\n`)
}

function collect(dir: string, found: Map<string, Package>): void {
  if (found.has(dir)) return
  const text = readFileSync(join(dir, 'package.json'), 'utf8')
  const manifest = Manifest.parse(JSON.parse(text))
  found.set(dir, { ...manifest, dir })
  for (const name of Object.keys(manifest.dependencies)) collect(placeOf(name, dir), found)
}

/** As Node looks for a package: in the nearest `node_modules` that has it. */
function placeOf(name: string, from: string): string {
  const place = join(from, 'node_modules', name)
  if (existsSync(join(place, 'package.json'))) return place
  const parent = dirname(from)
  if (parent === from) throw new Error(`the package ${name} is not installed; run npm ci`)
  return placeOf(name, parent)
}

function section({ name, version, license, dir }: Package): string {
  const texts = readdirSync(dir)
    .filter((file) => /^(licen[cs]e|copying|notice)\b/i.test(file))
    .sort()
    .map((file) => `\n${readFileSync(join(dir, file), 'utf8').replace(/^\n+/, '').trimEnd()}\n`)
  return [`${name} ${version} (${license ?? 'see its page'})\n`, ...texts].join('')
}
