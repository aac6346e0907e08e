import { quoted } from '#shared/domain/dot.ts'
import type { Lineage } from '#shared/domain/lineage.ts'

/** A lineage as Graphviz reads it. What there is more of it is told in a comment. */
export function dotOf({ id, data, runs, edges, after }: Lineage): string {
  const look = (own: string, shape: string) =>
    `shape=${shape}${own === id ? ' style=filled fillcolor="#d4ecc6"' : ''}`
  return [
    'digraph lineage {',
    '  node [fontsize=10]',
    '  edge [fontsize=10]',
    ...data.map(
      ({ knitId, tags }) => `  ${quoted(knitId)} [${look(knitId, 'box')} label=${quoted(...tags)}]`,
    ),
    ...runs.map(
      ({ runId, status, plan }) =>
        `  ${quoted(runId)} [${look(runId, 'ellipse')} label=${quoted(plan, runId, status)}]`,
    ),
    ...edges.map(
      ({ from, to, path = '(log)' }) =>
        `  ${quoted(from)} -> ${quoted(to)} [label=${quoted(path)}]`,
    ),
    ...(after === undefined ? [] : [`  // There is more: after=${after}`]),
    '}',
    '',
  ].join('\n')
}
