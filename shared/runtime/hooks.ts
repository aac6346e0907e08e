import * as z from 'zod'
import { callHook, HookFailed, type HookCall } from '#shared/adapters/hook-client.ts'
import type { Next, RunStatus } from '#shared/domain/run-states.ts'
import { refusedVariables } from '#shared/domain/variable.ts'
import { addDeliveries } from '#shared/database/hooks.ts'
import { showRuns } from '#shared/database/run-view.ts'
import { moveRun, type Claimed, type MoveOptions } from '#shared/database/runs.ts'
import type { Tx } from '#shared/database/sql.ts'
import type { Context } from './context.ts'
import { jsonText } from './respond.ts'

/** What a hook may answer before a run starts: variables for its program. Anything else in it is not ours. */
const Extension = z.object({
  knitfabExtension: z.object({ env: z.record(z.string(), z.string()).default({}) }).optional(),
})

/**
 * Asks the before-hooks, one after another, whether a claimed run may move; no transaction is open meanwhile. Gives back the
 * variables they answered, of which the last hook's win. Throws `HookFailed` with the first that does not agree, unless the
 * policy is to go on and it has failed often enough.
 */
export async function askHooks<F extends RunStatus>(
  ctx: Context,
  run: Claimed<F>,
  to: Next<F>,
): Promise<Record<string, string>> {
  const { hooksBefore } = ctx.config
  if (hooksBefore.length === 0) return {}
  const [detail] = await showRuns(ctx.sql, [run.id])
  if (!detail) throw new Error(`the run ${run.id} is gone`)
  const body = jsonText(detail, false)
  const env = {}
  try {
    for (const url of hooksBefore) Object.assign(env, await ask(ctx, url, body, to))
  } catch (error) {
    const { hookPolicy, maxStepFailures } = ctx.config
    if (hookPolicy === 'wait' || run.hookFailures + 1 < maxStepFailures) throw error
    ctx.log.warn('a run goes on although a hook does not agree', { runId: run.id, to, error })
  }
  return env
}

async function ask(
  ctx: Context,
  url: string,
  body: string,
  to: RunStatus,
): Promise<Record<string, string>> {
  try {
    const answer = await tellHook(ctx, 'before', to, { url, body, headers: {} })
    const extension = Extension.safeParse(answer ?? {})
    if (!extension.success)
      throw new HookFailed('knitfabExtension.env in its answer is no object of texts')
    const { env = {} } = extension.data.knitfabExtension ?? {}
    const refused = refusedVariables(env)
    if (refused !== undefined)
      throw new HookFailed(`in knitfabExtension.env in its answer ${refused}`)
    return env
  } catch (error) {
    if (!(error instanceof HookFailed)) throw error
    throw new HookFailed(`the hook ${url} keeps the run from being ${to}: ${error.message}`, {
      cause: error,
    })
  }
}

/** What else belongs into the transaction of a move. */
type Also<T extends RunStatus> = (tx: Tx, moved: Claimed<T>) => Promise<unknown>

/**
 * Moves a claimed run as `moveRun` does, in a transaction with what else belongs to it, and records a call of each after-hook
 * with what the run is by then. Undefined when the run was no longer as it had been claimed.
 */
export async function advance<F extends RunStatus, T extends Next<F>>(
  ctx: Context,
  run: Claimed<F>,
  to: T,
  { also, ...options }: MoveOptions & { also?: Also<T> } = {},
): Promise<Claimed<T> | undefined> {
  const { hooksAfter } = ctx.config
  if (!also && hooksAfter.length === 0)
    return ctx.execute((sql) => moveRun(sql, run, to, ctx.by, options))
  return ctx.begin(async (tx) => {
    const moved = await moveRun(tx, run, to, ctx.by, options)
    if (!moved) return undefined
    await also?.(tx, moved)
    await tellHooks(ctx, tx, moved)
    return moved
  })
}

/** Records a call of each after-hook with what a run is that has just moved. */
export async function tellHooks(
  { config: { hooksAfter }, by }: Context,
  tx: Tx,
  moved: Claimed,
): Promise<void> {
  const [detail] = hooksAfter.length > 0 ? await showRuns(tx, [moved.id]) : []
  if (detail) await addDeliveries(tx, moved, detail, hooksAfter, by)
}

/**
 * Calls a hook as the settings allow, with what the body does not say: when that is, and about which status. What it took, and
 * whether the hook took it, is told.
 */
export async function tellHook(
  { config: { hookTimeout: timeout, maxHookBytes: maxBytes }, metrics, inSpan }: Context,
  when: 'before' | 'after',
  status: RunStatus,
  { url, body, headers }: Pick<HookCall, 'url' | 'body' | 'headers'>,
): Promise<Record<string, unknown> | undefined> {
  const attributes = { 'server.address': new URL(url).host }
  const asked = { kind: 'client', attributes } as const
  return inSpan(`hook ${when} ${status}`, asked, async ({ traceparent, since }) => {
    let outcome = 'failed'
    try {
      const about = { 'knit-hook': `${when} ${status}`, traceparent, ...headers }
      const answer = await callHook({ url, body, headers: about, timeout, maxBytes })
      outcome = 'taken'
      return answer
    } finally {
      metrics.time('knit_hook_duration_seconds', { when, outcome }, since)
    }
  })
}
