import * as z from 'zod'
import { plans } from '#shared/contracts/plans.ts'
import { Quantity } from '#shared/domain/quantity.ts'
import { api } from '../../api.ts'
import { flag, outputArgs, positional } from '../../args.ts'
import { planColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { note, print } from '../../output.ts'

const Limit = z.string().transform((text, ctx): [string, string] => {
  const at = text.indexOf('=')
  const quantity = Quantity.safeParse(text.slice(at + 1))
  if (at > 0 && quantity.success) return [text.slice(0, at), quantity.data]
  const why =
    at > 0 ? quantity.error?.issues[0]?.message : 'write TYPE=QUANTITY, such as memory=2Gi'
  ctx.addIssue({ code: 'custom', message: `"${text}": ${why}` })
  return z.NEVER
})

export default command({
  about: plans.resource.summary,
  examples: ['knit plan resource PLAN_ID --set memory=4Gi --unset nvidia.com/gpu'],
  args: {
    planId: positional(plans.resource.params.shape.planId),
    set: flag(
      z.array(Limit).default([]).describe('A limit to put; of one type the last one counts.'),
      { short: 's', hint: 'TYPE=QUANTITY' },
    ),
    unset: flag(
      z.array(z.string()).default([]).describe('Remove the limit of a type; wins over --set.'),
      { short: 'u', hint: 'TYPE' },
    ),
    ...outputArgs,
  },
  async run(args, ctx) {
    const { planId, set, unset } = args
    if (set.length + unset.length === 0)
      return note(ctx, 'nothing is to be changed; say what to --set, or to --unset')
    const body = { set: Object.fromEntries(set), unset }
    print(ctx, await api(ctx).call(plans.resource, { planId, body }, ctx), args, planColumns)
  },
})
