import { data } from '#shared/contracts/data.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import { formatTag } from '#shared/domain/tag.ts'
import { api } from '../../api.ts'
import { flag, outputArgs } from '../../args.ts'
import { dataColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { windowArgs, windowOf, YesNoBoth } from '../../formats.ts'
import { print } from '../../output.ts'

export default command({
  about: data.find.summary,
  examples: [
    'knit data find --tag type:photo --since 2h --output table',
    'knit data find --transient yes --output name',
  ],
  args: {
    tag: flag(data.find.query.shape.tag, { short: 't', hint: 'KEY:VALUE' }),
    transient: flag(YesNoBoth.describe('Only data that are not ready (yes), or only ready (no).')),
    ...windowArgs,
    ...outputArgs,
  },
  async run(args, ctx) {
    const query = { tag: args.tag.map(formatTag), ...windowOf(args) }
    const found = await api(ctx).call(data.find, query, ctx)
    const wanted = (thing: DataDetail) => [undefined, isTransient(thing)].includes(args.transient)
    print(ctx, found.filter(wanted), args, dataColumns)
  },
})

const isTransient = (thing: DataDetail): boolean =>
  thing.tags.some((tag) => tag.startsWith('knit#transient:'))
