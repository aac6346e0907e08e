import { existsSync, readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { parser } from '@prometheus-io/lezer-promql'
import { expect, test as base } from 'vitest'
import { parse } from 'yaml'
import { metrics } from '#shared/runtime/metric-table.ts'
import { cloneDatabase } from '#tests/support/database.ts'
import { callEverything } from '#tests/support/every-call.ts'
import { makeRun } from '#tests/support/runs.ts'
import { readMetrics, type Scraped } from '#tests/support/scrape.ts'
import { observer } from '#tests/support/statements.ts'
import { deliver, makeWorld, tick, type TestWorld } from '#tests/support/world.ts'
import { openDoor } from '../../functions/local/door.ts'
import { routeFunctions, stepFunctions } from '../../functions/functions.generated.ts'
import startRun from '../../functions/steps/start-run/function.ts'
import sweep from '../../functions/steps/sweep/function.ts'

/** What a home tells in which everything was done that functions do, and some of it went wrong. */
const test = base.extend<{ $file: { told: Scraped } }>({
  told: [
    async ({}, use) => {
      const { sql, drop } = await cloneDatabase()
      const world = makeWorld(sql)
      Object.assign(world.config, { host: '127.0.0.1', port: 0 })
      world.cluster.send = async () => Readable.from([Buffer.from('an archive')])
      await callEverything(world, observer())
      await loseClaim(world)
      await passBroker(world)
      await sql`analyze run`
      await use(readMetrics(await askHome(world)))
      await drop()
    },
    { scope: 'file' },
  ],
})

async function loseClaim(world: TestWorld): Promise<void> {
  const { runId, attempt } = await makeRun(world, { status: 'ready' })
  await world.sql`
    update run
       set claim = gen_random_uuid(),
           claimed_by = 'somebody',
           claimed_until = now() - interval '1 second'
     where id = ${runId}`
  await deliver(startRun, world, 'run.ready', { runId, attempt })
}

async function passBroker(world: TestWorld): Promise<void> {
  await makeRun(world, { status: 'ready' })
  const publish = async () => Promise.reject(new Error('the broker is away'))
  await tick(sweep, { ...world, bus: { publish }, direct: { publish: async () => {} } })
}

async function askHome(world: TestWorld): Promise<string> {
  const door = await openDoor(world)
  await fetch(`${door.apiRoot}/runs`)
  const answer = await fetch(new URL('/metrics', door.apiRoot))
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  const text = await answer.text()
  await door.close()
  return text
}

const ofHistogram = /_(bucket|sum|count)$/
const metricOf = (series: string) => metrics[series] ?? metrics[series.replace(ofHistogram, '')]
/** Labels that Prometheus puts on what it asked, of which the chart names one: `templates/monitoring.yaml`. */
const ofTarget = ['namespace', 'function']

// Doing everything takes nearly all of it.
const timeout = 180_000

test(
  'every metric of the table is told, with what it says, its type and its labels',
  {
    timeout,
  },
  ({ told }) => {
    expect([...told.keys()].toSorted()).toEqual(Object.keys(metrics).toSorted())
    for (const [name, { type, help, samples }] of told) {
      expect({ name, type, help }).toEqual({
        name,
        type: metrics[name]?.type,
        help: metrics[name]?.help,
      })
      const labels = new Set(
        samples.flatMap((sample) => Object.keys(sample.labels)).filter((label) => label !== 'le'),
      )
      expect({ name, labels: [...labels].toSorted() }).toEqual({
        name,
        labels: Object.keys(metrics[name]?.labels ?? {}).toSorted(),
      })
      expect(samples.every(({ value }) => Number.isFinite(value) && value >= 0)).toBe(true)
    }
  },
)

test('metrics are named as Prometheus asks', () => {
  for (const [name, { type, help, labels }] of Object.entries(metrics)) {
    expect(name).toMatch(/^(knit|process)(_[a-z]+)+$/)
    expect(name.endsWith('_total')).toBe(type === 'counter')
    if (type === 'histogram') expect(name).toMatch(/_seconds$/)
    expect(help).toMatch(/[.]$/)
    for (const label of Object.keys(labels)) expect(label).toMatch(/^[a-z]+$/)
  }
})

test('steps and routes are told by their names', ({ told }) => {
  const named = (metric: string, label: string) => [
    ...new Set(told.get(metric)?.samples.map(({ labels }) => labels[label])),
  ]
  const names = (functions: { name: string }[]) => functions.map(({ name }) => name)
  expect(names(stepFunctions)).toEqual(
    expect.arrayContaining(named('knit_step_duration_seconds', 'step')),
  )
  expect(names(routeFunctions)).toEqual(
    expect.arrayContaining(named('knit_route_duration_seconds', 'route')),
  )
})

test('one function tells of the whole system', () => {
  const telling = [...routeFunctions, ...stepFunctions].filter(({ deploy }) => deploy.tellsOfSystem)
  // It is there when nothing else is.
  expect(telling).toMatchObject([{ name: 'sweep', deploy: { minScale: 1 } }])
})

const chart = new URL('../../charts/knitfab/', import.meta.url)
const readChart = (file: string): string => readFileSync(new URL(file, chart), 'utf8')

type Rule = {
  alert: string
  expr: string
  labels: Record<string, string>
  annotations: { summary: string; description: string }
}
const rules = (
  parse(readChart('monitoring/rules.yaml')) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules)

type Panel = { title: string; targets?: { expr: string; legendFormat: string }[] }
const { panels } = JSON.parse(readChart('monitoring/dashboard.json')) as { panels: Panel[] }
const shown = panels.flatMap(({ title, targets = [] }) =>
  targets.map((target) => ({ title, ...target })),
)

/** What an expression is about: the series it names, and the labels it asks for or groups by. Throws for what is no PromQL. */
function readExpression(text: string): { series: string[]; labels: string[] } {
  // What Grafana fills in.
  const expression = text.replaceAll('$__rate_interval', '5m')
  const series: string[] = []
  const labels: string[] = []
  parser.parse(expression).iterate({
    enter({ name, type, from, to, node }) {
      const word = expression.slice(from, to)
      if (type.isError) throw new Error(`no PromQL at ${from}: ${text}`)
      if (name === 'Identifier' && node.parent?.name === 'VectorSelector') series.push(word)
      if (name === 'LabelName') labels.push(word)
    },
  })
  return { series, labels }
}

test('what is no expression, or of nothing, is found out', () => {
  expect(readExpression('sum by (a) (rate(b{c="d"}[5m])) > e')).toEqual({
    series: ['b', 'e'],
    labels: ['a', 'c'],
  })
  expect(() => readExpression('sum by (a) (rate(b[5m])')).toThrow('no PromQL')
  expect(metricOf('knit_nothing')).toBeUndefined()
})

const expressions = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...shown.map(({ title, expr }) => [title, expr] as const),
]

test.for(expressions)('%s asks for what is told: %s', ([, expr], { told }) => {
  const { series, labels } = readExpression(expr)
  const isTold = (name: string) =>
    (told.get(name) ?? told.get(name.replace(ofHistogram, '')))?.samples.some(
      (sample) => sample.name === name,
    )
  expect(series.length).toBeGreaterThan(0)
  expect(series.filter((name) => !isTold(name))).toEqual([])
  const known = series.flatMap((name) => Object.keys(metricOf(name)?.labels ?? {}))
  expect(labels.filter((label) => ![...ofTarget, ...known, 'le'].includes(label))).toEqual([])
})

const allMatches = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, found = '']) => found)

const isCommand = (words: string): boolean =>
  existsSync(new URL(`../../cli/commands/${words.replace(' ', '/')}.ts`, import.meta.url))

test.for(rules)(
  'the alert $alert says what happened and what to do, with a command that there is',
  ({ expr, labels, annotations: { summary, description } }) => {
    expect(labels['severity']).toMatch(/^(critical|warning|info)$/)
    for (const text of [summary, description]) expect(text).toMatch(/\.$/)
    // What an alert is about is what its expression has left.
    const left = allMatches(expr, /by \(([^)]*)\)/g).flatMap((names) => names.split(', '))
    const used = allMatches(`${summary} ${description}`, /\$labels\.(\w+)/g)
    expect(used.filter((label) => !left.includes(label))).toEqual([])
    const commands = allMatches(description, /`knit (\w+ \w+)/g)
    expect([...commands, ...allMatches(description, /`(kubectl) /g)]).not.toEqual([])
    expect(commands.filter((words) => !isCommand(words))).toEqual([])
  },
)
