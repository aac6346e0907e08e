import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Lineage } from '#shared/domain/lineage.ts'
import { connect } from '#shared/database/sql.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun, makeRunsDue } from '#tests/support/runs.ts'
import { observer } from '#tests/support/statements.ts'
import { addTree, treeId } from '#tests/support/tree-of-runs.ts'
import { call, type TestWorld } from '#tests/support/world.ts'
import show from './function.ts'

const at = (id: string, query = '') => `/api/lineage/${id}${query}`
const ask = (ctx: TestWorld, id: string, query = '') => answer<Lineage>(show, ctx, at(id, query))

const idsIn = ({ data, runs }: Lineage): string[] =>
  [...data.map(({ knitId }) => knitId), ...runs.map(({ runId }) => runId)].sort()

type Step = { runId: string; input: string; output: string }

/** A chain of runs, of which each reads what the one before has written. */
async function makeChain(ctx: TestWorld, length: number): Promise<Step[]> {
  const steps: Step[] = []
  let input = await makeData(ctx, `chain:${randomUUID()}`)
  for (let step = 0; step < length; step += 1) {
    const planId = await makePlan(ctx, {
      inputs: { '/in': [`knit#id:${input}`] },
      outputs: { '/out': [`step:${step}`] },
    })
    await makeRunsDue(ctx, planId)
    const [made] = await ctx.sql<{ runId: string; output: string }[]>`
      with ended as (
        update data set ready = true, ended_at = now() where plan_id = ${planId} returning *
      )
      select run_id as "runId", id as output from ended`
    if (!made) throw new Error('the chain broke')
    steps.push({ ...made, input })
    input = made.output
  }
  return steps
}

test('from the middle of a chain everything is told, up and down, with who reads and writes what', async ({
  ctx,
}) => {
  const [first, second, third] = await makeChain(ctx, 3)
  if (!first || !second || !third) throw new Error('no chain')
  const shown = await ask(ctx, second.input)
  const [upload] = await ctx.sql<{ id: string }[]>`
    select run_id as id from data where id = ${first.input}`
  expect(shown.id).toBe(second.input)
  expect(idsIn(shown)).toEqual(
    [
      upload?.id ?? '',
      first.input,
      first.runId,
      second.input,
      second.runId,
      third.input,
      third.runId,
      third.output,
    ].sort(),
  )
  expect(shown.edges.map(({ from, to, path }) => `${from} ${to} ${path}`).sort()).toEqual(
    [
      `${upload?.id} ${first.input} /upload`,
      ...[first, second, third].flatMap(({ runId, input, output }) => [
        `${input} ${runId} /in`,
        `${runId} ${output} /out`,
      ]),
    ].sort(),
  )
  expect(shown.after).toBeUndefined()
  const data = shown.data.find(({ knitId }) => knitId === second.output)
  expect(data?.tags).toContain('step:1')
  const made = shown.runs.find(({ runId }) => runId === upload?.id)
  expect(made).toMatchObject({ status: 'done', plan: 'knit#uploaded' })
})

test('one way only, and as far as is asked for', async ({ ctx }) => {
  const [first, second, third] = await makeChain(ctx, 3)
  if (!first || !second || !third) throw new Error('no chain')
  const from = second.input
  expect(idsIn(await ask(ctx, from, '?direction=down'))).toEqual(
    [from, second.runId, third.input, third.runId, third.output].sort(),
  )
  expect(idsIn(await ask(ctx, from, '?direction=up'))).toHaveLength(4)
  expect(idsIn(await ask(ctx, from, '?depth=1'))).toEqual(
    [first.input, first.runId, from, second.runId, third.input].sort(),
  )
})

test('a run is a beginning as well', async ({ ctx }) => {
  const [first, second] = await makeChain(ctx, 2)
  const shown = await ask(ctx, first?.runId ?? '', '?direction=down')
  expect(idsIn(shown)).toEqual(
    [first?.runId ?? '', first?.output ?? '', second?.runId ?? '', second?.output ?? ''].sort(),
  )
})

test('what came of something on two ways is told once', async ({ ctx }) => {
  const tag = `twice:${randomUUID()}`
  const source = await makeData(ctx, tag)
  const planId = await makePlan(ctx, {
    inputs: { '/a': [tag], '/b': [tag] },
    outputs: { '/out': [] },
  })
  await makeRunsDue(ctx, planId)
  for (const depth of ['', '&depth=9']) {
    const shown = await ask(ctx, source, `?direction=down${depth}`)
    expect(new Set(idsIn(shown)).size).toBe(idsIn(shown).length)
    expect(shown.edges.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/a', '/b', '/out']),
    )
    expect(shown.edges).toHaveLength(3)
  }
})

test('a log is an edge without a path, and transience is among the tags', async ({ ctx }) => {
  const { runId, outputs } = await makeRun(ctx, { status: 'failed' })
  const shown = await ask(ctx, runId)
  expect(shown.edges.find(({ to }) => to === outputs[2])).toEqual({
    from: runId,
    to: outputs[2],
    position: 2,
  })
  expect(shown.data.find(({ knitId }) => knitId === outputs[0])?.tags).toContain(
    'knit#transient:failed',
  )
})

test('what its runs read and wrote besides is told where that is asked for, and no way on from there', async ({
  ctx,
}) => {
  const [one, other] = [`one:${randomUUID()}`, `other:${randomUUID()}`]
  const source = await makeData(ctx, one)
  const aside = await makeData(ctx, other)
  const planId = await makePlan(ctx, {
    inputs: { '/in/z': [one], '/in/a': [other] },
    outputs: { '/out/z': [], '/out/a': [] },
    log: [],
  })
  await makeRunsDue(ctx, planId)
  const [run] = await ctx.sql<{ id: string; outputs: string[] }[]>`
    select run_id as id, array_agg(data.id order by position) as outputs
      from data join output on output.id = output_id
     where data.plan_id = ${planId}
     group by run_id`
  if (!run) throw new Error('no run')
  const [first, , log] = run.outputs
  if (!first || !log) throw new Error('no outputs')
  const down = await ask(ctx, source, '?direction=down')
  const all = await ask(ctx, source, '?direction=down&besides=true')
  expect(idsIn(down)).toEqual([source, run.id, ...run.outputs].sort())
  expect(idsIn(all)).toEqual([source, aside, run.id, ...run.outputs].sort())
  expect(all.edges.filter(({ to }) => to === run.id)).toEqual([
    { from: source, to: run.id, path: '/in/z', position: 0 },
    { from: aside, to: run.id, path: '/in/a', position: 1 },
  ])
  expect(all.data.find(({ knitId }) => knitId === aside)?.tags).toContain(other)
  for (const depth of ['', '&depth=1']) {
    const up = await ask(ctx, first, `?direction=up&besides=true${depth}`)
    const seen = idsIn(up).filter((id) => run.outputs.includes(id))
    expect(seen).toEqual(run.outputs.toSorted())
    const written = up.edges.filter(({ from }) => from === run.id)
    expect(written.map(({ to, position }) => [to, position]).sort()).toEqual(
      run.outputs.map((id, position) => [id, position]).sort(),
    )
    expect(written.find(({ to }) => to === log)?.path).toBeUndefined()
    expect(new Set(idsIn(up)).size).toBe(idsIn(up).length)
  }
  const after = await ask(
    ctx,
    source,
    `?direction=down&besides=true&limit=1&after=${idsIn(all).at(-2)}`,
  )
  expect(idsIn(after)).toEqual(idsIn(all).slice(-1))
})

test('a run that was deleted is nothing that came of data', async ({ ctx }) => {
  const { inputs } = await makeRun(ctx, { status: 'invalidated' })
  const shown = await ask(ctx, inputs[0] ?? '', '?direction=down')
  expect(shown).toMatchObject({ runs: [], edges: [], data: [{ knitId: inputs[0] }] })
})

test('in parts there is each thing and each edge once, and all of them', async ({ ctx }) => {
  const chain = await makeChain(ctx, 4)
  const id = chain[1]?.runId ?? ''
  const whole = await ask(ctx, id)
  for (const limit of [1, 3, 10_000]) {
    const parts = [await ask(ctx, id, `?limit=${limit}`)]
    for (let after = parts[0]?.after; after; after = parts.at(-1)?.after)
      parts.push(await ask(ctx, id, `?limit=${limit}&after=${after}`))
    expect(parts.flatMap(idsIn).sort()).toEqual(idsIn(whole))
    const edges = parts.flatMap((part) => part.edges)
    expect(edges).toHaveLength(whole.edges.length)
    expect(edges).toEqual(expect.arrayContaining(whole.edges))
  }
})

test('however long the way, two statements are asked: for what is on it, and for what that is called', async ({
  ctx,
}) => {
  const chain = await makeChain(ctx, 6)
  const { debug, during, seen } = observer()
  const sql = connect('postgres://test', { ...(ctx.sql.options as object), debug })
  await sql`select 1`
  await during('lineage', () => ask({ ...ctx, sql }, chain[3]?.input ?? ''))
  await sql.end()
  expect(seen).toHaveLength(2)
})

test('of more than 10,000 things as many are told at a time, and all of them in the end', async ({
  ctx,
}) => {
  const size = 12_000
  await addTree(ctx.sql, size)
  const id = treeId('data', size, 1)
  const first = await ask(ctx, id)
  expect(idsIn(first)).toHaveLength(10_000)
  const second = await ask(ctx, id, `?after=${first.after}`)
  expect(new Set([...idsIn(first), ...idsIn(second)]).size).toBe(size)
  expect(second.after).toBeUndefined()
  // Every run but the root reads something, and every data was written.
  expect(first.edges.length + second.edges.length).toBe(size - 1)
  expect(idsIn(await ask(ctx, id, '?depth=3'))).toHaveLength(1 + 1 + 2 * (2 + 4 + 8))
})

test('as a document for Graphviz it has the same things, and nothing breaks out of its quotes', async ({
  ctx,
}) => {
  const knitId = await makeData(ctx, 'evil:"]; "x" -> "y', 'back:\\', 'line:a\nb')
  const response = await call(show, ctx, at(knitId, '?format=dot'), { role: 'viewer' })
  expect(response.headers.get('content-type')).toBe('text/vnd.graphviz')
  const text = await response.text()
  expect(text).toMatch(/^digraph lineage \{\n/)
  expect(text).toContain('evil:\\"]; \\"x\\" -> \\"y')
  expect(text).toContain('back:\\\\')
  expect(text.split('\n').filter((line) => line.includes('->') && !line.includes('evil'))).toEqual([
    expect.stringContaining('[label="/upload"]'),
  ])
  const part = await call(show, ctx, at(knitId, '?format=dot&limit=1'))
  expect(await part.text()).toMatch(/\/\/ There is more: after=[0-9a-f-]{36}\n}/)
})

test.for([randomUUID(), 'nonsense', ''])('the id "%s" is 404', async (id, { ctx }) => {
  await refusal(show, ctx, at(id), 'thing-not-found')
})

test.for([
  'direction=left',
  'depth=0',
  'depth=x',
  'limit=10001',
  'after=x',
  'format=svg',
  'besides=x',
])('%s is refused', async (query, { ctx }) => {
  const knitId = await makeData(ctx)
  await refusal(show, ctx, at(knitId, `?${query}`), 'bad-request')
})
