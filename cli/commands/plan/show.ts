import { plans } from '#shared/contracts/plans.ts'
import { api } from '../../api.ts'
import { outputArgs, positional } from '../../args.ts'
import { planColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { print } from '../../output.ts'

export default command({
  about: plans.show.summary,
  examples: ['knit plan show PLAN_ID --output yaml'],
  args: { planId: positional(plans.show.params.shape.planId), ...outputArgs },
  async run(args, ctx) {
    print(ctx, await api(ctx).call(plans.show, args, ctx), args, planColumns)
  },
})
