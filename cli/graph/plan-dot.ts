import { quoted } from '#shared/domain/dot.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { badge, bold, cell, coloured, digraph, escaped, missingNode, tableNode } from './dot.ts'
import type { PlanEdge, PlanGraph, Port } from './plan-graph.ts'

const golden = '#DAA520'
const point = '[shape=point color="#1c9930"]'

export function planDot({ start, plans, edges }: PlanGraph): string {
  const nodes = [...plans].map(([id, plan]) =>
    plan ? cluster(plan, id === start) : missingNode(`p${id}`, golden, `id: ${id}`),
  )
  const lines = edges.map((edge) => edgeLine(edge, (planId) => plans.get(planId) === undefined))
  return digraph(nodes, lines)
}

/** A plan that could not be found has no points: the edge leads to the plan, and says which one it would be. */
function edgeLine({ from, to }: PlanEdge, isMissing: (planId: string) => boolean): string {
  const end = (port: Port) => (isMissing(port.planId) ? quoted(`p${port.planId}`) : portId(port))
  const unknown = [from, to].find(({ planId }) => isMissing(planId))
  const look = unknown ? ` [label=${quoted(unknown.path ?? '(log)')}]` : ''
  return `  ${end(from)} -> ${end(to)}${look};`
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
