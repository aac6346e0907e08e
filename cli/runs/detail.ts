import type { RunAttempt, RunDetail } from '#shared/domain/run.ts'
import { visible } from '#shared/domain/visible.ts'
import { nameOf } from '../columns.ts'
import { between, localTime } from '../formats.ts'
import { table, type Column } from '../output.ts'

export const attemptColumns: Column<RunAttempt>[] = [
  ['ATTEMPT', ({ attempt }) => String(attempt)],
  ['STARTED', ({ startedAt }) => (startedAt ? localTime(startedAt) : '')],
  ['TOOK', ({ startedAt, endedAt }) => between(startedAt, endedAt)],
  ['EXIT', ({ exit }) => String(exit?.code ?? '')],
  ['MESSAGE', ({ exit }) => exit?.message ?? ''],
  ['IMAGE', ({ image }) => image ?? ''],
]

/** Everything that is shown of one run, for people: its facts line by line, then its attempts, in a table so wide. */
export function runText(run: RunDetail, width: number): string {
  const facts: [string, string | undefined][] = [
    ['run', run.runId],
    ['status', run.status],
    ['why', run.reason ?? run.exit?.message],
    ['plan', [run.plan.planId, nameOf(run.plan)].join('  ')],
    ['created', run.createdAt && localTime(run.createdAt)],
    ['updated', localTime(run.updatedAt)],
    ['exit', run.exit && String(run.exit.code)],
    ...run.inputs.map((input): [string, string] => ['input', pointText(input)]),
    ...run.outputs.map((output): [string, string] => ['output', pointText(output)]),
    ['log', run.log?.knitId],
    [
      'by hooks',
      run.attempts
        ?.at(-1)
        ?.variables?.map((name) => `$${name}`)
        .join(' '),
    ],
  ]
  const lines = facts.flatMap(([name, value]) =>
    value ? [`${name.padEnd(8)} ${visible(value)}\n`] : [],
  )
  const attempts = run.attempts ?? []
  const look = { width, time: localTime }
  return lines.join('') + (attempts.length > 0 ? `\n${table(attempts, attemptColumns, look)}` : '')
}

const pointText = ({ path, knitId }: { path: string; knitId: string }): string =>
  `${knitId || '(deleted)'}  ${path}`
