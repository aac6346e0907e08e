import { data } from '#shared/contracts/data.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { forbiddenInChange } from '#shared/domain/data.ts'
import { checkTagLimits, sortTags } from '#shared/domain/tag.ts'
import { changeTags } from '#shared/database/data.ts'
import { showData } from '#shared/database/data-view.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(data.tag, async ({ params: { knitId }, body: change }, ctx) => {
  const forbidden = forbiddenInChange(change)
  if (forbidden !== undefined)
    throw new Problem(
      'bad-tag-change',
      `"${forbidden}" is a tag of the system, which nobody can change.`,
    )
  checkTagLimits(sortTags(change?.add ?? []), ctx.config)
  const refusal = await changeTags(ctx.sql, knitId, change, ctx.config.maxTags, ctx.by)
  if (refusal === 'absent') throw new Problem('data-not-found', `No data has the id ${knitId}.`)
  if (refusal)
    throw new Problem(
      'bad-tag-change',
      `The data would have ${refusal.tags} tags; the limit (maxTags) is ${ctx.config.maxTags}.`,
    )
  ctx.relay.wake()
  const [shown] = await showData(ctx.sql, [knitId])
  if (!shown) throw new Problem('data-not-found', `The data ${knitId} was deleted meanwhile.`)
  return shown
})
