import { randomUUID } from 'node:crypto'
import * as fc from 'fast-check'
import { expect } from 'vitest'
import { changeTags } from '#shared/database/data.ts'
import { setPlanActive } from '#shared/database/plans.ts'
import { parseTag } from '#shared/domain/tag.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { deliver, test, type TestWorld } from '#tests/support/world.ts'
import matchData from '../../functions/steps/match-data/function.ts'
import projectRuns from '../../functions/steps/project-runs/function.ts'

const by = { actor: 'test' }

/** What is true, kept the simple way: who carries what, and which plan asks for what. */
type Model = {
  data: { id: string; tags: Set<string> }[]
  plans: {
    id: string
    active: boolean
    inputs: { path: string; tags: string[]; knitId?: string }[]
  }[]
  /** Every combination that was ever right, as `plan: data data …` in the order of the paths. */
  ever: Set<string>
}

const fits = (
  input: Model['plans'][number]['inputs'][number],
  data: Model['data'][number],
): boolean => input.tags.every((tag) => data.tags.has(tag)) && (input.knitId ?? data.id) === data.id

/** Every combination that is right now, by trying them all. */
function combinations({ data, plans }: Model): string[] {
  return plans.flatMap(({ id, inputs }) => {
    let partial: string[][] = [[]]
    for (const input of inputs)
      partial = partial.flatMap((chosen) =>
        data.filter((one) => fits(input, one)).map((one) => [...chosen, one.id]),
      )
    return partial.map((chosen) => `${id}: ${chosen.join(' ')}`)
  })
}

const nominations = ({ data, plans }: Model): string[] =>
  plans.flatMap(({ id, inputs }) =>
    inputs.flatMap((input) =>
      data.filter((one) => fits(input, one)).map((one) => `${id} ${input.path} ${one.id}`),
    ),
  )

const match = (ctx: TestWorld) =>
  deliver(matchData, ctx, 'plan.registered', { planId: randomUUID() })
const project = (ctx: TestWorld, planId: string) =>
  deliver(projectRuns, ctx, 'data.nominated', { planId })

const tagNames = ['k:0', 'k:1', 'k:2', 'l:0']
const tags = fc.subarray(tagNames)
const which = fc.nat(1000)

/** What may happen, in any order. */
const happening = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('push'), tags }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('tag'), which, add: tags, remove: tags }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('register'),
      inputs: fc.array(fc.subarray(tagNames, { minLength: 1, maxLength: 2 }), {
        minLength: 1,
        maxLength: 3,
      }),
      byId: fc.option(which),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('toggle'), which }) },
  // Candidates, never proof: one too many, and one that is found a second time.
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('nominate wrongly'), which, other: which }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('forget nominations'), which }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('match') }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('project'), which }) },
)
type Happening = typeof happening extends fc.Arbitrary<infer H> ? H : never

const story = (length: number) =>
  fc.array(happening, { minLength: length / 3, maxLength: length, size: 'max' })

const pick = <T>(list: readonly T[], index: number): T | undefined => list[index % list.length]

/** Lets one thing happen, to the system and to the model. */
async function happen(ctx: TestWorld, model: Model, one: Happening): Promise<void> {
  if (one.what === 'match') return void (await match(ctx))
  if (one.what === 'push' && 'tags' in one) {
    const carried = new Set(one.tags)
    model.data.push({ id: await makeData(ctx, ...one.tags), tags: carried })
  }
  if (one.what === 'register' && 'inputs' in one) {
    const wanted = one.byId === null ? undefined : pick(model.data, one.byId)?.id
    const inputs = one.inputs.map((asked, index) => ({
      path: `/in/${index}`,
      tags: asked,
      ...(index === 0 && wanted && { knitId: wanted }),
    }))
    const id = await makePlan(ctx, {
      inputs: Object.fromEntries(
        inputs.map((input) => [
          input.path,
          input.knitId ? [...input.tags, `knit#id:${input.knitId}`] : input.tags,
        ]),
      ),
    })
    model.plans.push({ id, active: true, inputs })
  }
  if (!('which' in one)) return
  const plan = pick(model.plans, one.which)
  const data = pick(model.data, one.which)
  if (one.what === 'project' && plan) await project(ctx, plan.id)
  if (one.what === 'toggle' && plan) {
    plan.active = !plan.active
    await setPlanActive(ctx.sql, plan.id, plan.active, by)
  }
  if (one.what === 'tag' && 'add' in one && data) {
    const change = { add: one.add.map(parseTag), remove: one.remove.map(parseTag) }
    expect(await changeTags(ctx.sql, data.id, change, 100, by)).toBeUndefined()
    for (const tag of one.remove) data.tags.delete(tag)
    for (const tag of one.add) data.tags.add(tag)
  }
  if (one.what === 'nominate wrongly' && 'other' in one && data)
    await ctx.sql`
      insert into nomination (input_id, knit_id, plan_id)
      select id, ${data.id}, plan_id from input order by id offset ${one.other % 5} limit 1
          on conflict do nothing`
  if (one.what === 'forget nominations' && data) {
    await ctx.sql`delete from nomination where knit_id = ${data.id}`
    await ctx.sql`insert into match_task (knit_id) values (${data.id})`
  }
}

/** Lets the steps do what is left, in the order given, until nothing is due. */
async function settle(ctx: TestWorld, model: Model): Promise<void> {
  for (;;) {
    expect((await match(ctx)).status).toBe(202)
    for (const { id } of model.plans) expect((await project(ctx, id)).status).toBe(202)
    const left = await ctx.sql`
      select from match_task union all select from nomination where due`
    if (left.length === 0) return
  }
}

async function check(ctx: TestWorld, model: Model): Promise<void> {
  const runs = await ctx.sql<{ plan: string; status: string; combination: string }[]>`
    select run.plan_id as plan,
           run.status,
           run.plan_id || ': ' || string_agg(assign.knit_id::text, ' ' order by input.path) as combination
      from run
      join assign on assign.run_id = run.id
      join input on input.id = assign.input_id
     group by run.id`
  const made = runs.map(({ combination }) => combination)
  expect(new Set(made).size).toBe(made.length)
  expect(combinations(model).filter((one) => !made.includes(one))).toEqual([])
  expect(made.filter((one) => !model.ever.has(one))).toEqual([])
  const found = await ctx.sql<{ pair: string }[]>`
    select input.plan_id || ' ' || input.path || ' ' || nomination.knit_id as pair
      from nomination
      join input on input.id = nomination.input_id`
  expect(found.map(({ pair }) => pair).toSorted()).toEqual(nominations(model).toSorted())
  const active = new Map(model.plans.map((plan) => [plan.id, plan.active]))
  for (const { plan, status } of runs)
    expect(status).toBe(active.get(plan) ? 'waiting' : 'deactivated')
}

test('in any order of facts and steps every right combination is made, once, and no wrong one', async ({
  ctx,
  database,
}) => {
  await fc.assert(
    fc.asyncProperty(story(30), async (happenings) => {
      await database.empty()
      const model: Model = { data: [], plans: [], ever: new Set() }
      for (const one of happenings) {
        await happen(ctx, model, one)
        for (const combination of combinations(model)) model.ever.add(combination)
      }
      await settle(ctx, model)
      await check(ctx, model)
    }),
    { numRuns: 60 },
  )
})

test('the same holds while several of every step run during every fact', async ({
  ctx,
  database,
}) => {
  await fc.assert(
    fc.asyncProperty(story(15), async (happenings) => {
      await database.empty()
      const model: Model = { data: [], plans: [], ever: new Set() }
      for (const one of happenings) {
        const steps = [
          match(ctx),
          match(ctx),
          ...model.plans.flatMap(({ id }) => [project(ctx, id), project(ctx, id)]),
        ]
        const [, ...served] = await Promise.all([happen(ctx, model, one), ...steps])
        expect(served.map(({ status }) => status).filter((status) => status !== 202)).toEqual([])
        for (const combination of combinations(model)) model.ever.add(combination)
      }
      await settle(ctx, model)
      await check(ctx, model)
    }),
    { numRuns: 15 },
  )
})
