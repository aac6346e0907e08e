import type { V1ObjectMeta, V1PodSpec } from '@kubernetes/client-node'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'

const root = new URL('../../../', import.meta.url).pathname
export const chart = `${root}charts/knitfab`

export type Values = Record<string, unknown>
export type Template = { metadata?: V1ObjectMeta; spec: V1PodSpec }
export type Manifest = {
  apiVersion: string
  kind: string
  metadata: V1ObjectMeta
  data?: Record<string, string>
  automountServiceAccountToken?: boolean
  spec?: Record<string, unknown> & { template?: Template }
}

export type Outcome = { code: number | null; out: string; err: string }

/** Runs a program; `input` is what it reads. */
export function call([file = '', ...args]: readonly string[], input = ''): Outcome {
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    cwd: root,
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  if (error) throw error
  return { code: status, out: stdout, err: stderr }
}

/** What has to be said; the rest has its default. */
export const least = `${chart}/ci/least-values.yaml`

/** Runs helm with these values over those of the chart. */
export const helm = (words: readonly string[], values: Values = {}): Outcome =>
  call(['helm', ...words, '--values', least, '--values', '-'], JSON.stringify(values))

const where = { release: 'knitfab', namespace: 'there' }

export const template = (values: Values = {}, more: readonly string[] = [], at = where): Outcome =>
  helm(['template', at.release, chart, '--namespace', at.namespace, ...more], values)

/** What the chart makes of these values, as text. */
export function renderText(values: Values = {}, more?: readonly string[], at = where): string {
  const { code, out, err } = template(values, more, at)
  if (code !== 0) throw new Error(err)
  return out
}

/** What the chart makes of these values. */
export const render = (values?: Values, more?: readonly string[], at = where): Manifest[] =>
  parseAllDocuments(renderText(values, more, at))
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null)

/** What helm says of values that it does not take. */
export function refusal(values: Values, more?: readonly string[], at = where): string {
  const { code, err } = template(values, more, at)
  if (code === 0) throw new Error('it was rendered')
  return err
}

/**
 * What a named template of the chart makes of an argument, as a template would write it: for what depends on a cluster that looks
 * otherwise than ours.
 */
export function included(name: string, argument: string, values: Values = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'knit-chart-'))
  try {
    const isNamed = (path: string) => statSync(path).isDirectory() || !/NOTES|\.yaml$/.test(path)
    cpSync(`${chart}/templates`, join(folder, 'templates'), {
      recursive: true,
      dereference: true,
      filter: isNamed,
    })
    for (const file of ['Chart.yaml', 'values.yaml']) cpSync(`${chart}/${file}`, join(folder, file))
    writeFileSync(
      join(folder, 'templates/one.yaml'),
      `text: {{ include "${name}" (${argument}) | toJson }}\n`,
    )
    const { code, out, err } = helm(['template', where.release, folder], values)
    if (code !== 0) throw new Error(err)
    return (parse(out) as { text: string }).text
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What a cluster would answer, as an argument of a template. */
export const asArgument = (object: object): string =>
  `(fromJson ${JSON.stringify(JSON.stringify(object))})`

export const nameOf = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.name}`

export const find = (manifests: readonly Manifest[], name: string): Manifest => {
  const found = manifests.find((manifest) => nameOf(manifest) === name)
  if (!found) throw new Error(`there is no ${name}`)
  return found
}

/** The Pods that these make, by what makes them. */
export const podsOf = (manifests: readonly Manifest[]): Map<string, Template> =>
  new Map(
    manifests.flatMap((manifest) => {
      const { template } = manifest.spec ?? {}
      return template ? [[nameOf(manifest), template] as const] : []
    }),
  )
