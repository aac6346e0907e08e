import { eventPrefix } from '#shared/contracts/events.ts'
import { runMoves } from '#shared/domain/run-states.ts'
import { triggers } from '#shared/workflow/triggers.ts'

/** The trigger table as a table of Markdown. */
export function triggerTable(): string {
  const rows = Object.entries(triggers).map(
    ([step, events]) => `| \`${step}\` | ${events.map((event) => `\`${event}\``).join(', ')} |`,
  )
  return [`| step | woken by (each \`${eventPrefix}…\`) |`, '| --- | --- |', ...rows].join('\n')
}

/** The state table as a Mermaid diagram: each arrow is a move, named by who makes it. */
export function stateDiagram(): string {
  const arrows = runMoves().map(([from, to, who]) => `  ${from} --> ${to}: ${who.join(', ')}`)
  return ['```mermaid', 'stateDiagram-v2', ...arrows, '```'].join('\n')
}
