import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test as pure } from 'vitest'
import { events } from '#shared/contracts/events.ts'
import { routes } from '#shared/contracts/index.ts'
import { problems } from '#shared/contracts/problems.ts'
import { isWrite, routeFolder } from '#shared/contracts/route.ts'
import { roles } from '#shared/domain/role.ts'
import { runStatuses } from '#shared/domain/run-states.ts'
import type { ClusterCall } from '#shared/ports/cluster.ts'
import { clockSteps, deadLetterStep, triggers } from '#shared/workflow/triggers.ts'
import { fileScenarios } from '#tests/faults/file-scenarios.ts'
import { routeScenarios } from '#tests/faults/route-scenarios.ts'
import { stepScenarios } from '#tests/faults/step-scenarios.ts'
import { test } from '#tests/support/world.ts'
import { routeFunctions, stepFunctions } from '../../functions/functions.generated.ts'

const root = new URL('../../', import.meta.url).pathname
const find = (pattern: string): string[] => globSync(pattern, { cwd: root }).toSorted()
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const folders = (parent: string): string[] =>
  find(`${parent}/*/function.ts`).map((file) => file.split('/').at(-2) ?? '')

pure('every step of the trigger table has its folder, and the other way round', () => {
  const steps = [...Object.keys(triggers), ...clockSteps, deadLetterStep]
  expect(folders('functions/steps')).toEqual(steps.toSorted())
})

pure('every route contract has its folder, and the other way round', () => {
  expect(folders('functions/api')).toEqual(routes.map(routeFolder).toSorted())
})

pure('what a folder serves is what the folder is called', () => {
  const served = (kind: string) =>
    kind === 'steps' ? stepFunctions.map(({ name }) => name) : routeFunctions.map(routeFolder)
  for (const kind of ['steps', 'api'])
    expect(served(kind).toSorted()).toEqual(folders(`functions/${kind}`))
  for (const step of stepFunctions)
    expect(read(`functions/steps/${step.name}/function.ts`)).toMatch(
      new RegExp(`define(Clock|DeadLetter)?Step\\(\\s*'${step.name}'`),
    )
})

pure('every function has its test beside it', () => {
  const without = find('functions/{api,steps}/*/function.ts').filter(
    (file) => !existsSync(join(root, file.replace(/\.ts$/, '.test.ts'))),
  )
  expect(without).toEqual([])
})

pure('every step, and every route that changes something, is tried with every fault', () => {
  const tried = { ...stepScenarios, ...routeScenarios }
  const changing = routes.filter(isWrite)
  const names = [...stepFunctions, ...changing].map(({ name }) => name)
  expect(names.filter((name) => !Object.hasOwn(tried, name))).toEqual([])
  expect(Object.entries(tried).filter(([, scenarios]) => scenarios.length === 0)).toEqual([])
  const known = [...stepFunctions, ...routes].map(({ name }) => name)
  expect(Object.keys(tried).filter((name) => !known.includes(name))).toEqual([])
})

/** It changes nothing, and says what it could not see. */
const looksOnly = ['admin-check']

pure('every function that touches files of a home is tried with every fault of a disk', () => {
  const named = [
    ...stepFunctions.map(({ name, deploy }) => ({ name, deploy })),
    ...routeFunctions.map((fn) => ({ name: routeFolder(fn.contract), deploy: fn.deploy })),
  ]
  const touching = named.filter(({ deploy: { uses = [] } }) => uses.length > 0)
  const tried = [...Object.keys(fileScenarios), ...looksOnly]
  expect(tried.toSorted()).toEqual(touching.map(({ name }) => name).toSorted())
  expect(Object.entries(fileScenarios).filter(([, scenarios]) => scenarios.length === 0)).toEqual(
    [],
  )
})

pure('every event that a step answers is told by somebody', () => {
  const sources = find('{functions,shared}/**/*.ts').filter((file) => !file.endsWith('.test.ts'))
  const code = sources.map(read).join('\n')
  const statuses = new Set<string>(runStatuses.map((status) => `run.${status}`))
  const silent = [...new Set(Object.values(triggers).flat())].filter(
    // Moves of runs are told by `moveRun`, under a name made of the status.
    (name) =>
      !statuses.has(name) &&
      !new RegExp(`(tell\\(\\s*tx,\\s*|name: |into outbox [^;]{0,200}?)'${name}'`).test(code),
  )
  expect(silent).toEqual([])
  expect([...statuses].filter((name) => !(name in events))).toEqual([])
})

test('the statuses the database knows are those of the state table', async ({ ctx }) => {
  const [row] = await ctx.sql<{ definition: string }[]>`
    select pg_get_constraintdef(oid) as definition
      from pg_constraint
     where contypid = 'run_status'::regtype`
  const known = [...(row?.definition ?? '').matchAll(/'([^']+)'/g)].map(([, status]) => status)
  expect(known.toSorted()).toEqual([...runStatuses].toSorted())
})

test('the moves the database lets runs make are named after the state table at every migration', async ({
  ctx,
}) => {
  const rows = await ctx.sql`
    select from pg_trigger where tgname = 'run_move_guard' and tgrelid = 'run'::regclass and tgenabled <> 'D'`
  expect(rows).toHaveLength(1)
})

pure('the parameters of a route are those of its path; its problems and its role exist', () => {
  for (const route of routes) {
    const inPath = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name)
    expect({ route: route.name, params: Object.keys(route.params?.shape ?? {}) }).toEqual({
      route: route.name,
      params: inPath,
    })
    for (const problem of route.problems) expect(problems).toHaveProperty([problem])
    expect(roles).toContain(route.role)
    expect(route.name).toMatch(/^[a-z]+\.[a-z]+$/)
  }
})

// What has the volume mounted may have to be started first, for which there may be no room, or no way.
const atVolumes: ClusterCall[] = ['receive', 'send', 'listFiles', 'readFile', 'readLog']

pure('whoever gets at volumes says what may stand in the way', () => {
  const reaching = routeFunctions.filter(({ deploy: { uses = [] } }) =>
    uses.some((call) => atVolumes.includes(call)),
  )
  expect(reaching.length).toBeGreaterThan(4)
  for (const { name, contract } of reaching)
    expect({ name, problems: contract.problems }).toEqual({
      name,
      problems: expect.arrayContaining(['volume-unreachable', 'storage-full']),
    })
})

pure('no two routes answer the same request', () => {
  const requests = routes.map(({ method, path }) => `${method} ${path.replace(/:\w+/g, ':')}`)
  expect(new Set(requests).size).toBe(requests.length)
})

pure('migrations are numbered without a gap', () => {
  const names = find('shared/database/migrations/*.sql').map((file) => file.split('/').at(-1) ?? '')
  const numbers = names.map((name) => Number(/^(\d{4})-[a-z0-9-]+\.sql$/.exec(name)?.[1]))
  expect(numbers).toEqual(names.map((_, index) => index + 1))
})

const domain = ['domain']
const contracts = ['contracts', ...domain]
const middle = ['ports', 'workflow', ...contracts]
const database = ['database', ...middle]
const adapters = ['adapters', 'archive', 'files', ...database]
const runtime = ['runtime', 'oidc', ...adapters]
const client = ['client', 'archive', ...contracts]

/** What code of each part may import: itself, and what stands to its right. */
const mayImport: Record<string, string[]> = {
  domain,
  contracts,
  ports: middle,
  workflow: middle,
  database,
  adapters,
  // … and the version it tells.
  runtime: ['package.json', ...runtime],
  functions: ['functions', ...runtime],
  archive: ['archive', ...domain],
  files: ['files'],
  oidc: ['oidc', ...domain],
  client,
  // … and the version it shows.
  cli: ['cli', 'files', 'oidc', 'package.json', ...client],
  // Tables in, text out, when the project is built; nothing imports it.
  render: ['render', 'functions', 'cli', ...runtime],
}

const isTest = (file: string): boolean => /\.(test|probe)\.ts$|\/test-[a-z-]+\.ts$/.test(file)

/** `#shared/domain/run.ts` and `../domain/run.ts` as the file they mean; undefined for packages. */
function target(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1)
  return specifier.startsWith('.') ? normalize(join(dirname(from), specifier)) : undefined
}

function importsOf(file: string): string[] {
  const found = read(file).matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s*'([^']+)'|(?:^|\n)import\s*'([^']+)'|\bimport\(\s*'([^']+)'/g,
  )
  return [...found].flatMap(([, from, bare, dynamic]) => {
    const to = target(file, from ?? bare ?? dynamic ?? '')
    return to === undefined ? [] : [to]
  })
}

const partOf = (file: string): string =>
  file.startsWith('shared/') ? (file.split('/')[1] ?? '') : (file.split('/')[0] ?? '')

pure('imports point one way', () => {
  const wrong = find('{shared,functions,cli}/**/*.ts')
    .filter((file) => !isTest(file) && partOf(file) in mayImport)
    .flatMap((file) =>
      importsOf(file)
        .filter((to) => !mayImport[partOf(file)]?.includes(partOf(to)))
        .map((to) => `${file} imports ${to}`),
    )
  expect(wrong).toEqual([])
})

pure('every folder of shared has its place in that order', () => {
  const parts = find('shared/*/*.ts').map(partOf)
  expect([...new Set(parts)].filter((part) => !(part in mayImport))).toEqual([])
})

/** The function a file belongs to; undefined for what puts functions together. */
function functionOf(file: string): string | undefined {
  const [, kind = '', name = ''] = file.split('/')
  if (kind === 'api' || kind === 'steps' || kind === 'jobs') return `${kind}/${name}`
  return kind === 'gateway' || kind === 'console' ? kind : undefined
}

pure('functions do not know each other: they meet in the database and on the bus', () => {
  const wrong = find('functions/**/*.ts')
    .filter((file) => !isTest(file) && functionOf(file) !== undefined)
    .flatMap((file) =>
      importsOf(file)
        .filter((to) => to.startsWith('functions/') && functionOf(to) !== functionOf(file))
        .map((to) => `${file} imports ${to}`),
    )
  expect(wrong).toEqual([])
})

pure('nothing that is shipped imports tests', () => {
  const wrong = find('{shared,functions,cli}/**/*.ts')
    .filter((file) => !isTest(file))
    .flatMap((file) =>
      importsOf(file)
        .filter((to) => to.startsWith('tests/') || isTest(to))
        .map((to) => `${file} imports ${to}`),
    )
  expect(wrong).toEqual([])
})

pure('domain and contracts touch no world: no clock, no environment, no package but zod', () => {
  const wrong = find('shared/{domain,contracts}/*.ts')
    .filter((file) => !isTest(file))
    .filter((file) => {
      const code = read(file)
      const packages = [...code.matchAll(/from '([^#.'][^']*)'/g)].filter(
        ([, name]) => name !== 'zod',
      )
      return packages.length > 0 || /\bprocess\.|Date\.now\(|new Date\(\)|Math\.random/.test(code)
    })
  expect(wrong).toEqual([])
})
