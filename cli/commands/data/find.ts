import { data } from '#shared/contracts/data.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import { formatTag } from '#shared/domain/tag.ts'
import { api } from '../../api.ts'
import { flag, outputArgs } from '../../args.ts'
import { dataColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { windowArgs, windowOf, YesNoBoth } from '../../formats.ts'
import { limitArgs, ofData, printFound, type Ask } from '../../found.ts'

export default command({
  about: data.find.summary,
  examples: [
    'knit data find --tag type:photo --since 2h --output table',
    'knit data find --transient yes --limit 10 --output name',
  ],
  args: {
    tag: flag(data.find.query.shape.tag, { short: 't', hint: 'KEY:VALUE' }),
    transient: flag(YesNoBoth.describe('Only data that are not ready (yes), or only ready (no).')),
    ...windowArgs,
    ...limitArgs,
    ...outputArgs,
  },
  async run(args, ctx) {
    const query = { tag: args.tag.map(formatTag), ...windowOf(args) }
    const { transient } = args
    const ask: Ask<DataDetail> = (page, told) =>
      api(ctx).call(data.find, { ...query, ...page }, { ...told, signal: ctx.signal })
    const search = {
      ...ofData,
      ask,
      all: () => api(ctx).list(data.find, query, ctx),
      ...(transient !== undefined && { keep: (it: DataDetail) => isTransient(it) === transient }),
    }
    await printFound(ctx, search, args, dataColumns)
  },
})

const isTransient = ({ tags }: DataDetail): boolean =>
  tags.some((tag) => tag.startsWith('knit#transient:'))
