import type { Sql } from '#shared/database/sql.ts'
import type { Statement } from './statements.ts'

/** A node of a plan, as Postgres tells it. */
type PlanNode = {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Index Cond'?: string
  'Total Cost': number
  Plans?: PlanNode[]
}

/** Tables of which a statement must never read all: they grow with what is done. */
const growing = new Set([
  'agent',
  'assign',
  'attempt',
  'audit',
  'data',
  'dead_letter',
  'garbage',
  'hook_delivery',
  'match_task',
  'nomination',
  'outbox',
  'removed_volume',
  'request',
  'run',
  'run_history',
  'tag',
])

const planned = /^\s*(select|insert|update|delete|with)\b/i

/**
 * The growing tables that a statement would read from one end to the other. One that is read along an index until enough is found is
 * not among them, nor one whose index holds only what is still to be done. Looked at is the plan for these parameters, and the one
 * for any, which the server takes to when it is no dearer.
 */
export async function wholeReads(sql: Sql, { text, parameters }: Statement): Promise<string[]> {
  if (!planned.test(text)) return []
  const partial = await partialIndexes(sql)
  const [own] = await sql.unsafe<Explained[]>(
    `explain (format json) ${text}`,
    parameters as never[],
  )
  const [any] = await sql
    .unsafe<Explained[]>(`explain (generic_plan, format json) ${text}`)
    .simple()
  const plans = [own, any].flatMap((row) => row?.['QUERY PLAN'][0].Plan ?? [])
  const cost = plans[0]?.['Total Cost'] ?? 0
  const taken = plans.filter((plan) => plan['Total Cost'] <= cost)
  return [...new Set(taken.flatMap((plan) => wholeIn(plan, partial, false)))]
}

type Explained = { 'QUERY PLAN': [{ Plan: PlanNode }] }

async function partialIndexes(sql: Sql): Promise<Set<string>> {
  const rows = await sql<{ name: string }[]>`
    select indexrelid::regclass::text as name from pg_index where indpred is not null`
  return new Set(rows.map(({ name }) => name))
}

/** `cut`: what stands above takes no more than the first rows. */
function wholeIn(node: PlanNode, partial: ReadonlySet<string>, cut: boolean): string[] {
  const table = node['Relation Name']
  const index = node['Index Name']
  const whole =
    node['Node Type'] === 'Seq Scan' ||
    (index !== undefined && node['Index Cond'] === undefined && !partial.has(index) && !cut)
  const below = (node.Plans ?? []).flatMap((child) => wholeIn(child, partial, cutBelow(node, cut)))
  return table && whole && growing.has(table) ? [table, ...below] : below
}

/** What needs all of its input before its first row comes out. */
const greedy = new Set(['Sort', 'Aggregate', 'Hash', 'WindowAgg', 'Materialize'])

const cutBelow = (node: PlanNode, cut: boolean): boolean =>
  node['Node Type'] === 'Limit' || (cut && !greedy.has(node['Node Type']))
