import { data } from '#shared/contracts/data.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { forbiddenInChange } from '#shared/domain/data.ts'
import { checkTagLimits, sortTags } from '#shared/domain/tag.ts'
import { changeTags } from '#shared/database/data.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { dataOrProblem, withReaders } from '#shared/runtime/show.ts'

export default defineRoute(data.tag, async ({ params: { knitId }, body: change }, ctx) => {
  const forbidden = forbiddenInChange(change)
  if (forbidden !== undefined)
    throw new Problem(
      'bad-tag-change',
      `"${forbidden}" is a tag of the system, which nobody can change.`,
    )
  checkTagLimits(sortTags(change?.add ?? []), ctx.config)
  const shown = await ctx.once(async (tx) => {
    const refusal = await changeTags(tx, knitId, change, ctx.config.maxTags, ctx.by)
    if (refusal && refusal !== 'absent')
      throw new Problem(
        'bad-tag-change',
        `The data would have ${refusal.tags} tags; the limit (maxTags) is ${ctx.config.maxTags}.`,
      )
    return dataOrProblem(tx, knitId)
  })
  return withReaders(ctx.sql, shown)
})
