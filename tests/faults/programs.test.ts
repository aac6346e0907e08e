import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { Engine } from '#shared/adapters/local-cluster/engine.ts'
import { findLimits } from '#shared/adapters/local-cluster/limits.ts'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import {
  enginesHere,
  foreignImage,
  makeImage,
  noEngine,
  run as callEngine,
  type MadeImage,
} from '#tests/support/engines.ts'
import { ended, pullText, pushText } from '#tests/support/home-work.ts'
import { until } from '#tests/support/until.ts'
import { knit, projectFor } from '../../cli/testing.ts'
import { untilAtRest } from './at-rest.ts'
import { test, type TestHome } from './test-home.ts'

const hostImage = 'knit.local/host:1'
const mostAttempts = 3

/** What a plan runs that reads `type:raw`, and how its only run ends. */
type Ending = {
  line: string
  image?: string
  memory?: string
  code: number
  /** What everybody is told of it. */
  says: string
  /** Of a failure of the machine there are several. */
  attempts?: number
}

/** Endings that every engine shows alike. */
const endings = (isMemoryLimited: boolean): Ending[] => [
  { line: 'exit 3', code: 3, says: '(container main) Error' },
  { line: `sh -c 'kill -9 $$'; exit $?`, code: 137, says: '(container main) Error' },
  // What is not limited here cannot be shown here.
  ...(isMemoryLimited
    ? [{ line: 'tail /dev/zero', memory: '64Mi', code: 137, says: '(container main) OOMKilled' }]
    : []),
]

/** Registers a plan whose run needs the whole machine: it runs only when no other does. */
async function apply({ api }: TestHome, { line, image = hostImage, memory }: Partial<Ending>) {
  const body = {
    image,
    entrypoint: ['sh', '-c', line ?? 'cat /in/text > /out/text'],
    inputs: [{ path: '/in', tags: ['type:raw'] }],
    outputs: [{ path: '/out', tags: ['type:made'] }],
    log: { tags: ['type:log'] },
    resources: { cpu: String(availableParallelism()), ...(memory && { memory }) },
  }
  return (await api.call(plans.apply, { body })).planId
}

/** What people are shown of a run. */
async function shown({ apiRoot }: TestHome, { runId }: RunDetail): Promise<string> {
  const words = ['run', 'show', '--output', 'table', runId]
  return (await knit(words, projectFor({ apiRoot }))).stdout.replaceAll(/\s+/g, ' ')
}

async function expectEnding(home: TestHome, planId: string, ending: Ending): Promise<void> {
  const run = await until(() => ended(home.api, planId))
  expect(run.status, ending.line).toBe('failed')
  expect(run.exit).toEqual({ code: ending.code, message: expect.stringContaining(ending.says) })
  const { attempts } = await home.api.call(runs.show, { runId: run.runId })
  expect(attempts).toHaveLength(ending.attempts ?? 1)
  const text = await shown(home, run)
  expect(text).toContain('failed')
  expect(text).toContain(ending.says)
}

/** Lets every plan fail, one after the other, and one more succeed: as they all need the whole machine, each has left it. */
async function letAllEnd(
  home: TestHome,
  folder: string,
  image: string,
  all: Ending[],
): Promise<void> {
  const made: [string, Ending][] = []
  for (const ending of all) made.push([await apply(home, ending), ending])
  const knitId = await pushText(home.api, folder, 'kept', 'type:raw')
  for (const [planId, ending] of made) await expectEnding(home, planId, ending)
  const last = await apply(home, { image })
  const run = await until(() => ended(home.api, last))
  expect(run).toMatchObject({ status: 'done' })
  expect(await pullText(home.api, folder, knitId)).toBe('kept')
  await untilAtRest(home)
}

const workersIn = ({ folder }: TestHome): string[] =>
  readdirSync(join(folder, 'workers')).filter((name) => name.startsWith('worker-'))

/** Kills what watches over the only program that runs, or removes the container it is in. */
async function loseMachine(home: TestHome, engine?: Engine): Promise<void> {
  const [worker = '', ...more] = workersIn(home)
  expect(more).toEqual([])
  if (engine) {
    const filter = ['--filter', `label=knit.worker=${worker}`, '--format', '{{.Names}}']
    callEngine(
      engine,
      'rm',
      '--force',
      await until(() => callEngine(engine, 'ps', ...filter).trim()),
    )
  } else {
    const [pid] = readFileSync(join(home.folder, 'workers', worker, 'begun'), 'utf8').split(' ')
    process.kill(Number(pid), 'SIGKILL')
  }
}

/** The only run of a plan, once its program runs in an attempt of that number. */
const untilRuns = ({ api }: TestHome, planId: string, attempt: number): Promise<RunDetail> =>
  until(async () => {
    const [run] = await api.call(runs.find, { plan: planId })
    if (run?.status !== 'running') return undefined
    const { attempts } = await api.call(runs.show, { runId: run.runId })
    return attempts?.length === attempt ? run : undefined
  })

const outputOf = (run: RunDetail): string => run.outputs[0]?.knitId ?? ''

/** A machine that fails in every attempt: there are only so many, each writes elsewhere, and none is published. */
async function letMachineFail(home: TestHome, image: string, engine?: Engine): Promise<void> {
  const line = `trap 'exit' TERM; echo half > /out/half; while :; do sleep 0.05; done`
  const planId = await apply(home, { line, image })
  const outputs = new Set<string>()
  for (let attempt = 1; attempt <= mostAttempts; attempt += 1) {
    outputs.add(outputOf(await untilRuns(home, planId, attempt)))
    await loseMachine(home, engine)
  }
  const run = await until(() => ended(home.api, planId))
  expect(run).toMatchObject({ status: 'failed' })
  expect(outputs.size).toBe(mostAttempts)
  const { attempts } = await home.api.call(runs.show, { runId: run.runId })
  expect(attempts?.map(({ cause }) => cause)).toEqual(Array(mostAttempts).fill('machine'))
  expect(await shown(home, run)).toContain('vanished')
  const made = await home.api.call(data.find, { tag: ['type:made'] })
  const published = made.filter(({ upstream }) => upstream.run.status === 'done')
  expect(published.filter(({ knitId }) => outputs.has(knitId))).toEqual([])
}

test('a program whose machine fails is run again with an output of its own, and only that is published', async ({
  folder,
  start,
}) => {
  const home = await start()
  const gate = join(folder, 'gate')
  const line = `echo half > /out/half; until [ -e ${gate} ]; do :; done; cp /in/text /out/text; rm /out/half`
  const planId = await apply(home, { line })
  await pushText(home.api, folder, 'kept', 'type:raw')
  const first = outputOf(await untilRuns(home, planId, 1))
  await loseMachine(home)
  const second = outputOf(await untilRuns(home, planId, 2))
  expect(second).not.toBe(first)
  writeFileSync(gate, '')
  const run = await until(() => ended(home.api, planId))
  expect(run).toMatchObject({ status: 'done', exit: { code: 0 } })
  const made = await home.api.call(data.find, { tag: ['type:made'] })
  expect(made.map(({ knitId }) => knitId)).toEqual([second])
  expect(await pullText(home.api, folder, second)).toBe('kept')
  await untilAtRest(home)
  expect(await home.stop()).toBe(0)
})

test('in a sandbox a program that fails, whatever by, is told with its reason and leaves its room to the next', async ({
  folder,
  start,
}) => {
  const home = await start()
  const unknown = { image: 'example.test/none:1', code: 125, says: 'knit local image add' }
  await letAllEnd(home, folder, hostImage, [
    { line: 'true', ...unknown },
    ...endings(findLimits().enforced.memory),
  ])
  await letMachineFail(home, hostImage)
  await untilAtRest(home)
  expect(await home.stop()).toBe(0)
})

const engines = await enginesHere()

if (engines.length === 0)
  test('a program that fails in a container is told with its reason', ({ skip }) => skip(noEngine))

for (const engine of engines)
  describe(`in a container of ${engine.name}`, () => {
    let image: MadeImage
    let foreign: MadeImage
    beforeAll(() => {
      image = makeImage(engine)
      foreign = foreignImage(engine, 's390x')
    })
    afterAll(() => [image, foreign].forEach((made) => made.remove()))

    test('a program that fails, whatever by, is told with its reason and leaves its room to the next', async ({
      folder,
      start,
    }) => {
      const home = await start({ args: ['--engine', engine.name] })
      const missing = '127.0.0.1:1/no/such:1'
      await letAllEnd(home, folder, image.name, [
        ...endings(engine.enforced.memory).map((ending) => ({ ...ending, image: image.name })),
        { line: 'true', image: foreign.name, code: 125, says: 'another kind of machine, s390x' },
        {
          line: 'true',
          image: missing,
          code: 125,
          says: `${missing} cannot be pulled`,
          attempts: mostAttempts,
        },
      ])
      await letMachineFail(home, image.name, engine)
      await untilAtRest(home)
      expect(await home.stop()).toBe(0)
    })
  })
