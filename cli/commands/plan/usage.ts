import { plans } from '#shared/contracts/plans.ts'
import { api } from '../../api.ts'
import { outputArgs, positional } from '../../args.ts'
import { usageColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { print } from '../../output.ts'

export default command({
  about: plans.usage.summary,
  examples: ['knit plan usage PLAN_ID --output table'],
  args: { planId: positional(plans.usage.params.shape.planId), ...outputArgs },
  async run(args, ctx) {
    print(ctx, await api(ctx).call(plans.usage, args, ctx), args, usageColumns)
  },
})
