import { expect, test } from 'vitest'
import { idOf, planSummary, samplePlan } from '#shared/client/wire-samples.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { planDot } from './plan-dot.ts'
import { tracePlans } from './plan-graph.ts'

const mountpoint = (path: string) => ({ path, tags: [] })
const upstream = (name: string, path: string) => ({
  plan: planSummary(name),
  mountpoint: mountpoint(path),
})
const downstream = upstream

// p1 feeds p2 by its output and p3 by its log; p2 feeds nobody.
const p1 = samplePlan('p1', {
  annotations: ['owner=a & b'],
  inputs: [{ ...mountpoint('/in/data'), upstreams: [] }],
  outputs: [{ ...mountpoint('/out/model'), downstreams: [downstream('p2', '/in/model')] }],
  log: { tags: [], downstreams: [downstream('p3', '/in')] },
})
const p2 = samplePlan('p2', {
  active: false,
  inputs: [{ ...mountpoint('/in/model'), upstreams: [upstream('p1', '/out/model')] }],
  outputs: [],
})
const p3 = samplePlan('p3', {
  inputs: [{ ...mountpoint('/in'), upstreams: [{ plan: planSummary('p1'), log: { tags: [] } }] }],
  outputs: [],
})
const all = new Map([p1, p2, p3].map((plan) => [plan.planId, plan]))

const names = new Map(['p1', 'p2', 'p3'].map((name) => [idOf(name), name]))
const trace = (start: PlanDetail, reach = {}, missing: PlanDetail[] = []) =>
  tracePlans(
    async (id) => (missing.some(({ planId }) => planId === id) ? undefined : all.get(id)),
    start.planId,
    { upstream: true, downstream: true, depth: 3, ...reach },
  )
const found = ({ plans }: { plans: Map<string, unknown> }) =>
  [...plans.keys()].map((id) => names.get(id))

test('a plan shows its ancestors, but not what else these feed', async () => {
  expect(found(await trace(p2))).toEqual(['p2', 'p1'])
})

test('the log feeds plans too, and each edge is there once', async () => {
  const graph = await trace(p1)
  expect(found(graph)).toEqual(['p1', 'p2', 'p3'])
  expect(graph.edges).toEqual([
    {
      from: { planId: idOf('p1'), path: '/out/model' },
      to: { planId: idOf('p2'), path: '/in/model' },
    },
    { from: { planId: idOf('p1') }, to: { planId: idOf('p3'), path: '/in' } },
  ])
})

test('no direction is only the plan itself', async () => {
  expect(found(await trace(p1, { upstream: false, downstream: false }))).toEqual(['p1'])
})

test('plans that cannot be found are drawn as such, with the edges that others tell of', async () => {
  const graph = await trace(p1, {}, [p2, p3])
  expect(found(graph)).toEqual(['p1', 'p2', 'p3'])
  expect(graph.edges).toEqual((await trace(p1)).edges)
  const dot = planDot(graph)
  const [one, two, three] = ['p1', 'p2', 'p3'].map(idOf)
  expect(dot).toContain(
    `  "p${two}" [shape=box style=dashed color="#DAA520" label="id: ${two}\\n(not found)"];\n`,
  )
  expect(dot).toContain(`\n  "p${one}@/out/model" -> "p${two}" [label="/in/model"];\n`)
  expect(dot).toContain(`\n  "p${one}@log" -> "p${three}" [label="/in"];\n`)
  expect(planDot(await trace(p3, {}, [p1]))).toContain(
    `\n  "p${one}" -> "p${three}@/in" [label="(log)"];\n`,
  )
})

test('each plan is drawn in a cluster of its own, with a point for every port', async () => {
  const dot = planDot(await trace(p2))
  const short = dot.replaceAll(
    /[0-9a-f]{8}-0000-4000-8000-[0-9a-f]{12}/g,
    (id) => names.get(id) ?? id,
  )
  expect(short).toMatchInlineSnapshot(`
    "digraph G {
      node [shape=record fontsize=10]
      edge [fontsize=10]
      subgraph { cluster=true; style=solid; penwidth=0.3; color="#DAA520"; margin="0,0";
        "pp2@/in/model" [shape=point color="#1c9930"];
        "pp2@/in/model" -> "pp2" [label="/in/model" weight=10 penwidth=0.3];
        "pp2" [shape=none color="#DAA520" label=<<TABLE CELLSPACING="0">
          <TR><TD BGCOLOR="#DAA520"><FONT COLOR="#FFFFFF"><B>Plan</B></FONT></TD><TD><FONT COLOR="gray"><B>inactive</B></FONT></TD><TD BGCOLOR="#EDD9B4">id: p2</TD></TR>
          <TR><TD COLSPAN="3">image = reg.test/p2:v1</TD></TR>
          <TR><TD COLSPAN="3"></TD></TR></TABLE>>];
      }
      subgraph { cluster=true; style=solid; penwidth=0.3; color="#DAA520"; margin="0,0";
        "pp1@/in/data" [shape=point color="#1c9930"];
        "pp1@/in/data" -> "pp1" [label="/in/data" weight=10 penwidth=0.3];
        "pp1" [shape=none color="#DAA520" label=<<TABLE CELLSPACING="0">
          <TR><TD BGCOLOR="#DAA520"><FONT COLOR="#FFFFFF"><B>Plan</B></FONT></TD><TD><FONT COLOR="#007700"><B>active</B></FONT></TD><TD BGCOLOR="#FFFFFF">id: p1</TD></TR>
          <TR><TD COLSPAN="3">image = reg.test/p1:v1</TD></TR>
          <TR><TD COLSPAN="3"><B>owner</B>=a &amp; b</TD></TR></TABLE>>];
        "pp1@/out/model" [shape=point color="#1c9930"];
        "pp1" -> "pp1@/out/model" [label="/out/model" weight=10 penwidth=0.3];
        "pp1@log" [shape=point color="#1c9930"];
        "pp1" -> "pp1@log" [label="(log)" weight=10 penwidth=0.3];
      }

      "pp1@/out/model" -> "pp2@/in/model";
    }"
  `)
})
