import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { routeFunctions, stepFunctions } from '../../../functions/functions.generated.ts'
import gateway from '../../../functions/gateway/function.ts'
import { deployed } from './deployed.ts'
import { valuesOf } from './values.ts'

const schema = valuesOf(deployed([...routeFunctions, ...stepFunctions, gateway]))
const defaults = parse(
  readFileSync(new URL('../../../charts/knitfab/values.yaml', import.meta.url), 'utf8'),
)

const mistakesIn = (values: unknown): string[] =>
  schema
    .safeParse(values)
    .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? []

test('the values that the chart brings are as its schema asks', () => {
  expect(mistakesIn(defaults)).toEqual([])
})

test('a value of no function, of another kind of function, or of no setting is refused', () => {
  const values = (functions: object, settings: object = {}) => ({
    ...defaults,
    functions,
    settings,
  })
  expect(mistakesIn(values({ gateway: { replicas: 2 }, 'step-sweep': { minScale: 0 } }))).toEqual(
    [],
  )
  expect(mistakesIn(values({ nobody: {} }))).toEqual(['functions: Unrecognized key: "nobody"'])
  expect(mistakesIn(values({ gateway: { minScale: 2 } }))).toHaveLength(1)
  expect(mistakesIn(values({ 'step-sweep': { replicas: 2 } }))).toHaveLength(1)
  expect(mistakesIn(values({}, { maxTag: 3 }))).toEqual(['settings: Unrecognized key: "maxTag"'])
  expect(mistakesIn(values({}, { databaseUrl: 'postgres://elsewhere' }))).toHaveLength(1)
  // How often a cluster sweeps, `clock.sweep` says.
  expect(mistakesIn(values({}, { sweepInterval: 10 }))).toHaveLength(1)
})

test('a quantity is one that Kubernetes takes, and what has room has some', () => {
  const volumes = (size: unknown) =>
    mistakesIn({ ...defaults, volumes: { ...defaults.volumes, size } })
  for (const size of ['512Ki', '1k', '10Gi', '1.5T', '0.5Gi', '1073741824', 1_073_741_824])
    expect(volumes(size), String(size)).toEqual([])
  for (const size of ['512ki', '512K', '10 Gi', '100m', '0', '0.0Gi', '-1Gi', '', 0, -1])
    expect(volumes(size), String(size)).toHaveLength(1)
  const cpu = (request: unknown) =>
    mistakesIn({ ...defaults, defaults: { resources: { requests: { cpu: request } } } }).filter(
      (mistake) => mistake.includes('resources'),
    )
  for (const request of ['100m', '0', 0, 0.5, 2]) expect(cpu(request), String(request)).toEqual([])
  for (const request of ['-1', -1, '1 core', '512ki'])
    expect(cpu(request), String(request)).toHaveLength(1)
})
