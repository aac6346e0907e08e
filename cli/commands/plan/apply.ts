import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { addAbortSignal, type Readable } from 'node:stream'
import * as z from 'zod'
import { plans } from '#shared/contracts/plans.ts'
import { api } from '../../api.ts'
import { outputArgs, positional } from '../../args.ts'
import { planColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { Failure, first } from '../../failure.ts'
import { print } from '../../output.ts'
import { readPlan } from '../../plan-file.ts'

const longest = 64 * 1024

export default command({
  about: plans.apply.summary,
  examples: ['knit plan apply plan.yaml --output name'],
  args: {
    planFile: positional(z.string().describe('A YAML file; - reads stdin.')),
    ...outputArgs,
  },
  async run(args, ctx) {
    const body = readPlan(await readText(args.planFile, ctx), args.planFile)
    print(ctx, await api(ctx).call(plans.apply, { body }, ctx), args, planColumns)
  },
})

/** The whole text, unless it is larger than any plan: YAML can take long to read. */
async function readText(file: string, ctx: Context): Promise<string> {
  const source: Readable = file === '-' ? ctx.stdin : createReadStream(resolve(ctx.cwd, file))
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
