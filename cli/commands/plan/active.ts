import * as z from 'zod'
import { plans } from '#shared/contracts/plans.ts'
import { api } from '../../api.ts'
import { flag, outputArgs, positional } from '../../args.ts'
import { planColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { UsageError } from '../../failure.ts'
import { note, print } from '../../output.ts'

export default command({
  about: 'Activate a plan (yes), or hold its runs back (no).',
  examples: ['knit plan active no PLAN_ID'],
  args: {
    active: positional(z.enum(['yes', 'no']).describe('yes or no.')),
    planId: positional(plans.activate.params.shape.planId),
    allow: flag(plans.activate.query.shape.allow, { hint: 'N' }),
    ...outputArgs,
  },
  async run(args, ctx) {
    const { planId, allow } = args
    if (args.active === 'no' && allow !== undefined)
      throw new UsageError('--allow says how a plan goes on, so it goes with yes')
    const before = allow !== undefined && (await api(ctx).call(plans.show, { planId }, ctx))
    if (before && !before.paused)
      note(ctx, 'the plan is not paused: there is nothing to allow, and what comes later will ask')
    const plan =
      args.active === 'yes'
        ? await api(ctx).call(plans.activate, { planId, allow }, ctx)
        : await api(ctx).call(plans.deactivate, { planId }, ctx)
    if (plan.paused) note(ctx, plan.paused.message)
    print(ctx, plan, args, planColumns)
  },
})
