import { plans } from '#shared/contracts/plans.ts'
import { parseImageQuery } from '#shared/domain/image.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { formatTag } from '#shared/domain/tag.ts'
import { api } from '../../api.ts'
import { flag, outputArgs } from '../../args.ts'
import { planColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { YesNoBoth } from '../../formats.ts'
import { limitArgs, ofPlans, printFound, type Ask } from '../../found.ts'

const { active, image, in_tag, out_tag } = plans.find.query.shape

export default command({
  about: plans.find.summary,
  examples: ['knit plan find --in-tag type:photo --active yes --output table'],
  args: {
    active: flag(YesNoBoth.describe(active.description ?? '')),
    image: flag(image, { hint: 'IMAGE[:TAG]' }),
    'in-tag': flag(in_tag, { short: 'i', hint: 'KEY:VALUE' }),
    'out-tag': flag(out_tag, { short: 'o', hint: 'KEY:VALUE' }),
    ...limitArgs,
    ...outputArgs,
  },
  async run(args, ctx) {
    if (args.image !== undefined) parseImageQuery(args.image)
    const query = {
      active: args.active === undefined ? undefined : wordOf(args.active),
      image: args.image,
      in_tag: args['in-tag'].map(formatTag),
      out_tag: args['out-tag'].map(formatTag),
    }
    const ask: Ask<PlanDetail> = (page, told) =>
      api(ctx).call(plans.find, { ...query, ...page }, { ...told, signal: ctx.signal })
    const all = () => api(ctx).list(plans.find, query, ctx)
    await printFound(ctx, { ...ofPlans, ask, all }, args, planColumns)
  },
})

const wordOf = (active: boolean): 'true' | 'false' => (active ? 'true' : 'false')
