import { expect } from 'vitest'
import { makeData } from '#tests/support/makers.ts'
import { makeRun, makeRunsDue } from '#tests/support/runs.ts'
import { ownTag, planSpec, test } from './wire.ts'

/** The keys of everything that is shown, by one that tells what it is, in the order in which they come. */
const orders: [by: string, keys: string[]][] = [
  [
    'planId',
    'planId image entrypoint args name annotations inputs outputs log active on_node resources service_account',
  ],
  ['runId', 'runId status updatedAt exit plan inputs outputs log'],
  ['path', 'path tags knitId upstreams downstreams plan'],
  ['nomination', 'knitId tags upstream downstreams nomination'],
  ['code', 'code message'],
  ['must', 'may prefer must'],
  ['run', 'mountpoint log run'],
  ['mountpoint', 'plan mountpoint'],
  ['log', 'plan log'],
  ['tags', 'tags knitId downstreams'],
].map(([by = '', keys = '']) => [by, keys.split(' ')])

type Seen = Record<string, Set<string>>

/** Walks through all that is shown, and notes which keys there were of each thing. */
function expectOrder(value: unknown, seen: Seen, place = '$'): void {
  if (value === null || typeof value !== 'object') return
  if (!Array.isArray(value)) {
    const own = Object.keys(value)
    const [by = '', keys = []] = orders.find(([one]) => one in value) ?? []
    const known = keys.filter((key) => own.includes(key))
    expect(own.slice(0, known.length), place).toEqual(known)
    for (const key of known) (seen[by] ??= new Set()).add(key)
  }
  for (const [key, inner] of Object.entries(value)) expectOrder(inner, seen, `${place}.${key}`)
}

test('the keys of all that is nested come in their order, before any others', async ({
  ask,
  world,
}) => {
  const [from, to] = [ownTag(), ownTag()]
  const register = async (spec: object) =>
    (await ask('POST /api/plans', planSpec(spec))).json as { planId: string }
  const first = await register({
    entrypoint: ['a'],
    args: ['b'],
    annotations: ['c=d'],
    inputs: [{ path: '/in', tags: [from.text] }],
    outputs: [{ path: '/out', tags: [to.text] }],
    log: { tags: [to.text] },
    on_node: { must: ['a=b'], may: ['c=d'], prefer: ['e=f'] },
    service_account: 'trainer',
  })
  const second = await register({ inputs: [{ path: '/in', tags: [to.text] }] })
  await makeData(world, from.text)
  await makeRunsDue(world, first.planId)
  const ended = await makeRun(world, { status: 'running' })
  await ask(`PUT /api/runs/${ended.runId}/abort`)
  const seen: Seen = {}
  for (const line of [
    `plans/${first.planId}`,
    `plans/${second.planId}`,
    'plans',
    'runs',
    `runs/${ended.runId}`,
    'data',
  ])
    expectOrder((await ask(`GET /api/${line}`)).json, seen)
  expect(Object.fromEntries(Object.entries(seen).map(([by, keys]) => [by, keys.size]))).toEqual(
    Object.fromEntries(orders.map(([by, keys]) => [by, keys.length])),
  )
})
