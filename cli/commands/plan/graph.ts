import { plans } from '#shared/contracts/plans.ts'
import { api } from '../../api.ts'
import { positional } from '../../args.ts'
import { command } from '../../command.ts'
import { Failure } from '../../failure.ts'
import { reachArgs, reachOf } from '../../graph/direction.ts'
import { planDot } from '../../graph/plan-dot.ts'
import { tracePlans } from '../../graph/plan-graph.ts'
import { planSource } from '../../graph/source.ts'

export default command({
  about: 'Draw which plans feed a plan and which it feeds, as a Graphviz document.',
  examples: ['knit plan graph PLAN_ID --downstream | dot -Tsvg > plans.svg'],
  args: { planId: positional(plans.show.params.shape.planId), ...reachArgs },
  async run(args, ctx) {
    const { planId } = args
    const graph = await tracePlans(planSource(api(ctx), ctx), planId, reachOf(args))
    if (!graph.plans.get(planId)) throw new Failure(`plan ${planId}: not found`, 'knit plan find')
    ctx.stdout.write(`${planDot(graph)}\n`)
  },
})
