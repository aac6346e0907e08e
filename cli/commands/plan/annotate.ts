import * as z from 'zod'
import { plans } from '#shared/contracts/plans.ts'
import { AnnotationText, formatAnnotation } from '#shared/domain/annotation.ts'
import { api } from '../../api.ts'
import { flag, outputArgs, positional } from '../../args.ts'
import { planColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { print } from '../../output.ts'

const texts = z.array(AnnotationText.transform(formatAnnotation)).default([])

export default command({
  about: plans.annotate.summary,
  examples: ['knit plan annotate PLAN_ID --add owner=ann --remove-key draft'],
  args: {
    planId: positional(plans.annotate.params.shape.planId),
    add: flag(texts.describe('An annotation to put.'), { hint: 'KEY=VALUE' }),
    remove: flag(texts.describe('An exact annotation to take away.'), { hint: 'KEY=VALUE' }),
    'remove-key': flag(
      z.array(z.string()).default([]).describe('A key of which every annotation is taken away.'),
      { hint: 'ANNOTATION_KEY' },
    ),
    ...outputArgs,
  },
  async run(args, ctx) {
    const { planId, add, remove, 'remove-key': remove_key } = args
    const body = { add, remove, remove_key }
    print(ctx, await api(ctx).call(plans.annotate, { planId, body }, ctx), args, planColumns)
  },
})
