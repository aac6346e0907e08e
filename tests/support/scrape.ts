import { onlyMetrics, tellMetrics } from '#shared/runtime/tell-metrics.ts'
import type { World } from '#shared/runtime/context.ts'

export type Sample = { name: string; labels: Record<string, string>; value: number }
/** A metric as it was told, with the samples of all its series. */
export type ToldMetric = { help: string; type: string; samples: Sample[] }
export type Scraped = Map<string, ToldMetric>

/** What Prometheus gets of a process that tells of the whole system too. */
export async function scrape(world: World): Promise<Scraped> {
  const fetch = onlyMetrics(tellMetrics(world, { ofSystem: true }))
  const response = await fetch(new Request('http://metrics.local/metrics'), {})
  return readMetrics(await response.text())
}

const sample = /^(?<name>[a-zA-Z_:][\w:]*)(\{(?<labels>.*)\})? (?<value>\S+)$/

/** Reads the text format of Prometheus; throws for a line that is none of it, and for a sample of nothing that was described. */
export function readMetrics(text: string): Scraped {
  const told: Scraped = new Map()
  for (const line of text.split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? []
    if (kind === 'HELP') told.set(name, { help: rest, type: '', samples: [] })
    else if (kind === 'TYPE') metricOf(told, name, line).type = rest
    else if (line !== '') addSample(told, line)
  }
  return told
}

function addSample(told: Scraped, line: string): void {
  const { name = '', labels = '', value = '' } = sample.exec(line)?.groups ?? {}
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
  metricOf(told, name, line).samples.push({
    name,
    labels: Object.fromEntries(pairs.map(([, label = '', text = '']) => [label, text])),
    value: Number(value),
  })
}

function metricOf(told: Scraped, name: string, line: string): ToldMetric {
  const metric = told.get(name) ?? told.get(name.replace(/_(bucket|sum|count)$/, ''))
  if (!metric) throw new Error(`nothing was said of what this is: ${line}`)
  return metric
}

/** The value of one series; undefined when there is none. A metric without labels has one. */
export const valueOf = (
  told: Scraped,
  name: string,
  labels: Record<string, string> = {},
): number | undefined =>
  metricOf(told, name, name).samples.find(
    (one) =>
      one.name === name &&
      Object.entries(labels).every(([label, text]) => one.labels[label] === text),
  )?.value

/** The values of a metric by one of its labels. */
export const valuesBy = (told: Scraped, name: string, label: string): Record<string, number> =>
  Object.fromEntries(
    (told.get(name)?.samples ?? []).map(({ labels, value }) => [labels[label] ?? '', value]),
  )

/** What a process has counted: the series of a metric by the values of their labels, as `start-run served`. */
export async function counted(
  { metrics }: Pick<World, 'metrics'>,
  name: string,
): Promise<Record<string, number>> {
  const told = readMetrics(await metrics.text())
  const samples = metricOf(told, name, name).samples.filter((one) => one.name === name)
  return Object.fromEntries(
    samples.map(({ labels, value }) => [Object.values(labels).join(' '), value]),
  )
}
