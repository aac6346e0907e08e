import * as z from 'zod'
import { data } from '#shared/contracts/data.ts'
import { api } from '../../api.ts'
import { flag, outputArgs, positional } from '../../args.ts'
import { dataColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { UserTag } from '../../formats.ts'
import { print } from '../../output.ts'

const tags = z.array(UserTag).default([])

export default command({
  about: data.tag.summary,
  examples: ['knit data tag KNIT_ID --add reviewed:yes --remove-key draft'],
  args: {
    knitId: positional(data.tag.params.shape.knitId),
    add: flag(tags.describe('A tag to put.'), { hint: 'KEY:VALUE' }),
    remove: flag(tags.describe('An exact tag to take away.'), { hint: 'KEY:VALUE' }),
    'remove-key': flag(
      z.array(z.string()).default([]).describe('A key of which every tag is taken away.'),
      { hint: 'KEY' },
    ),
    ...outputArgs,
  },
  async run(args, ctx) {
    const { knitId, add, remove, 'remove-key': remove_key } = args
    const body = { add, remove, remove_key }
    print(ctx, await api(ctx).call(data.tag, { knitId, body }, ctx), args, dataColumns)
  },
})
