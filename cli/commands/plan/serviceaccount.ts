import * as z from 'zod'
import { plans } from '#shared/contracts/plans.ts'
import { api } from '../../api.ts'
import { toggle } from '../../arg.ts'
import { flag, outputArgs, positional } from '../../args.ts'
import { planColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { UsageError } from '../../failure.ts'
import { print } from '../../output.ts'

export default command({
  about: plans.setaccount.summary,
  examples: [
    'knit plan serviceaccount PLAN_ID --set trainer',
    'knit plan serviceaccount PLAN_ID --unset',
  ],
  args: {
    planId: positional(plans.setaccount.params.shape.planId),
    set: flag(
      z.string().optional().describe('The account, which must be one that plans may name.'),
      {
        hint: 'NAME',
      },
    ),
    unset: toggle('The usual account again.'),
    ...outputArgs,
  },
  async run({ planId, set, unset, ...args }, ctx) {
    if (Boolean(set) === unset)
      throw new UsageError('say which account to --set, or that it is to --unset, and not both')
    const body = { service_account: set }
    const plan = unset
      ? await api(ctx).call(plans.unsetaccount, { planId }, ctx)
      : await api(ctx).call(plans.setaccount, { planId, body }, ctx)
    print(ctx, plan, args, planColumns)
  },
})
