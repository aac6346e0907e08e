import { quoted } from '#shared/domain/dot.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { badge, bold, cell, coloured, digraph, escaped, tableNode } from './dot.ts'
import type { PlanGraph, Port } from './plan-graph.ts'

const golden = '#DAA520'
const point = '[shape=point color="#1c9930"]'

export function planDot({ start, plans, edges }: PlanGraph): string {
  const clusters = [...plans.values()].map((plan) => cluster(plan, plan.planId === start))
  const lines = edges.map(({ from, to }) => `  ${portId(from)} -> ${portId(to)};`)
  return digraph(clusters, lines)
}

const portId = ({ planId, path }: Port): string => quoted(`p${planId}@${path ?? 'log'}`)

/** A plan between the points where data enter and leave. */
function cluster(plan: PlanDetail, highlighted: boolean): string {
  const { planId, inputs, outputs, log } = plan
  const node = quoted(`p${planId}`)
  const edge = (from: string, to: string, label: string) =>
    `    ${from} -> ${to} [label=${quoted(label)} weight=10 penwidth=0.3];`
  const entries = inputs.flatMap(({ path }) => {
    const port = portId({ planId, path })
    return [`    ${port} ${point};`, edge(port, node, path)]
  })
  const exits = [...outputs, ...(log ? [{ path: undefined }] : [])].flatMap(({ path }) => {
    const port = portId({ planId, path })
    return [`    ${port} ${point};`, edge(node, port, path ?? '(log)')]
  })
  const look = `cluster=true; style=solid; penwidth=0.3; color="${golden}"; margin="0,0";`
  const table = planNode(plan, highlighted).replaceAll(/^/gm, '  ')
  return [`  subgraph { ${look}`, ...entries, table, ...exits, '  }'].join('\n')
}

function planNode(plan: PlanDetail, highlighted: boolean): string {
  const state = plan.active
    ? coloured('#007700', bold('active'))
    : coloured('gray', bold('inactive'))
  const background = highlighted ? '#EDD9B4' : '#FFFFFF'
  const what = plan.image === undefined ? (plan.name ?? '') : `image = ${plan.image}`
  return tableNode(`p${plan.planId}`, golden, [
    [
      badge('Plan', golden),
      cell({ content: state }),
      cell({ content: escaped(`id: ${plan.planId}`), background }),
    ],
    [cell({ content: escaped(what), span: 3 })],
    [cell({ content: (plan.annotations ?? []).map(annotation).join('<BR/>'), span: 3 })],
  ])
}

function annotation(text: string): string {
  const equals = text.indexOf('=')
  return `${bold(text.slice(0, equals))}=${escaped(text.slice(equals + 1))}`
}
