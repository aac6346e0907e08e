import { quoted } from '#shared/domain/dot.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import type { Tag } from '#shared/domain/tag.ts'
import { localTime } from '../formats.ts'
import {
  badge,
  bold,
  cell,
  coloured,
  digraph,
  escaped,
  missingNode,
  small,
  tableNode,
} from './dot.ts'
import type { LineageData, LineageEdge, LineageGraph, LineageNode, LineageRun } from './lineage.ts'

const green = '#1c9930'
const orange = '#FFA500'

export function lineageDot({ start, data, runs, roots, edges }: LineageGraph): string {
  const nodes = [
    ...[...data].map(([id, detail]) =>
      detail
        ? dataNode(detail, id === start)
        : missingNode(nodeId({ kind: 'data', id }), green, `knit#id: ${id}`),
    ),
    ...[...runs].map(([id, detail]) =>
      detail ? runNode(detail) : missingNode(nodeId({ kind: 'run', id }), orange, `id: ${id}`),
    ),
    ...roots.map((id) => `  ${quoted(nodeId({ kind: 'root', id }))} [shape=Mdiamond];`),
  ]
  return digraph(nodes, edges.map(edgeLine))
}

const prefixes = { data: 'd', run: 'r', root: 'root#' }
const nodeId = ({ kind, id }: LineageNode): string => `${prefixes[kind]}${id}`

function edgeLine({ from, to, label }: LineageEdge): string {
  const look = label === undefined ? '' : ` [label=${quoted(label)}]`
  return `  ${quoted(nodeId(from))} -> ${quoted(nodeId(to))}${look};`
}

function dataNode({ knitId, tags }: LineageData, highlighted: boolean): string {
  const parsed = tags.map(splitTag)
  const facts = parsed.flatMap(systemFact)
  const own = parsed.filter(({ key }) => !systemKeys.has(key))
  const lines = own.map(({ key, value }) => `${bold(key)}:${escaped(value)}`)
  const background = highlighted ? '#d4ecc6' : '#FFFFFF'
  return tableNode(`d${knitId}`, green, [
    [badge('Data', green), cell({ content: escaped(`knit#id: ${knitId}`), background })],
    ...(facts.length > 0 ? [[cell({ content: small(facts.join(' | ')), span: 2 })]] : []),
    [cell({ content: lines.join('<BR/>'), span: 2 })],
  ])
}

function splitTag(text: string): Tag {
  const colon = text.indexOf(':')
  return { key: text.slice(0, colon), value: text.slice(colon + 1) }
}

const systemKeys = new Set(['knit#id', 'knit#timestamp', 'knit#transient'])

function systemFact({ key, value }: Tag): string[] {
  if (key === 'knit#timestamp') return [localTime(value)]
  return key === 'knit#transient' ? [`${key}:${value}`] : []
}

const statusColours: Partial<Record<RunStatus, string>> = {
  deactivated: 'gray',
  completing: '#007700',
  done: '#007700',
  aborting: 'red',
  failed: 'red',
}

function runNode({ runId, status, updatedAt, plan }: LineageRun): string {
  const colour = statusColours[status]
  const id = cell({ content: escaped(`id: ${runId}`), background: '#FFFFFF' })
  const what = plan.image === undefined ? (plan.name ?? '') : `image = ${plan.image}`
  return tableNode(`r${runId}`, orange, [
    [badge('Run', orange), cell({ content: colour ? coloured(colour, bold(status)) : status }), id],
    [cell({ content: small(`last updated: ${localTime(updatedAt)}`), span: 3 })],
    [cell({ content: escaped(what), span: 3 })],
  ])
}
