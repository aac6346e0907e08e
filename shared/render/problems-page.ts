import { problems } from '#shared/contracts/problems.ts'

/** The planned failures as a table of Markdown. */
export function problemsTable(): string {
  const rows = Object.entries(problems).map(
    ([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`,
  )
  return ['| code | status | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}
