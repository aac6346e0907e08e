import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { addAbortSignal, type Readable } from 'node:stream'
import { ApiError } from '#shared/client/api-error.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import { explain } from '#shared/contracts/explain.ts'
import { plans } from '#shared/contracts/plans.ts'
import { LocalPath } from '#shared/domain/local-path.ts'
import { shellLine } from '#shared/domain/shell.ts'
import { api } from '../../api.ts'
import { toggle } from '../../arg.ts'
import { outputArgs, positional, type Format } from '../../args.ts'
import { planColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { Failure, first } from '../../failure.ts'
import { note, print } from '../../output.ts'
import { readPlan, type PlanBody } from '../../plan-file.ts'

const longest = 64 * 1024

export default command({
  about: plans.apply.summary,
  examples: ['knit plan apply plan.yaml --output name'],
  args: {
    planFile: positional(LocalPath.describe('A YAML file; - reads stdin.')),
    'dry-run': toggle('Register nothing; tell which runs the plan would start now.'),
    ...outputArgs,
  },
  async run(args, ctx) {
    const body = readPlan(await readText(args.planFile, ctx), args.planFile)
    const client = api(ctx)
    if (args['dry-run']) return tryOut(client, body, args, ctx)
    print(ctx, await client.call(plans.apply, { body }, ctx), args, planColumns)
  },
})

/** The plan as it would be, with what it would start, which is told as well. */
async function tryOut(
  client: KnitApi,
  body: PlanBody,
  args: { output: Format; planFile: string },
  ctx: Context,
): Promise<void> {
  await requireDryRuns(client, args.planFile, ctx)
  const plan = await client.call(plans.apply, { body, dryRun: '' }, ctx)
  const { starts = 0, more = false, reasons = [] } = plan.dryRun ?? {}
  const runs = more ? 'runs or more' : starts === 1 ? 'run' : 'runs'
  note(ctx, `nothing is registered; ${starts} ${runs} would start now`)
  for (const reason of reasons) note(ctx, reason)
  print(ctx, plan, args, planColumns)
}

const nobody = '00000000-0000-0000-0000-000000000000'

/** Servers that know no dry runs pass over the word, and would register the plan: those that know them say codes, and can explain. */
async function requireDryRuns(client: KnitApi, file: string, ctx: Context): Promise<void> {
  try {
    await client.call(explain.show, { plan: nobody, data: nobody }, ctx)
  } catch (error) {
    if (error instanceof ApiError && error.code === 'plan-not-found') return
    if (!(error instanceof ApiError)) throw error
  }
  throw new Failure(
    'this server cannot try a plan out: it would register it',
    shellLine(['knit', 'plan', 'apply', file]),
  )
}

/** The whole text, unless it is larger than any plan: YAML can take long to read. */
async function readText(file: string, ctx: Context): Promise<string> {
  const source: Readable = file === '-' ? ctx.stdin() : createReadStream(resolve(ctx.cwd, file))
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of addAbortSignal(ctx.signal, source)) {
    chunks.push(Buffer.from(chunk))
    bytes += chunk.length
    if (bytes > longest)
      throw new Failure(
        `${file} is larger than 64 KiB, the limit of a plan`,
        first('choose the file of a plan'),
      )
  }
  return Buffer.concat(chunks).toString()
}
