import { processMetrics, systemMetrics, type Metric } from '#shared/runtime/metric-table.ts'

/** The metrics as tables of Markdown: of each process, and of the whole system. */
export const metricsTables = (): string =>
  [
    'Of each process:',
    tableOf(processMetrics),
    'Of the whole system, by the function that sweeps:',
    tableOf(systemMetrics),
  ].join('\n\n')

function tableOf(metrics: Record<string, Metric>): string {
  const rows = Object.entries(metrics).map(([name, { type, help, labels }]) => {
    const meanings = Object.entries<string>(labels).map(
      ([label, means]) => `\`${label}\`: ${means}`,
    )
    return `| \`${name}\` | ${type} | ${help} | ${meanings.join('<br>')} |`
  })
  return ['| metric | type | meaning | labels |', '| --- | --- | --- | --- |', ...rows].join('\n')
}
