import { z } from 'zod'
import { plans } from '#shared/contracts/plans.ts'
import { api } from '../../api.ts'
import { outputArgs, positional } from '../../args.ts'
import { planColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { print } from '../../output.ts'

export default command({
  about: 'Activate a plan (yes), or hold its runs back (no).',
  args: {
    active: positional(z.enum(['yes', 'no']).describe('yes or no.')),
    planId: positional(plans.activate.params.shape.planId),
    ...outputArgs,
  },
  async run(args, ctx) {
    const route = args.active === 'yes' ? plans.activate : plans.deactivate
    print(ctx, await api(ctx).call(route, { planId: args.planId }, ctx), args, planColumns)
  },
})
