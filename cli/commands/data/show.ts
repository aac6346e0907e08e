import { data } from '#shared/contracts/data.ts'
import { api } from '../../api.ts'
import { outputArgs, positional } from '../../args.ts'
import { dataColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { Failure } from '../../failure.ts'
import { findData } from '../../find-data.ts'
import { print } from '../../output.ts'

export default command({
  about: data.show.summary,
  examples: ['knit data show KNIT_ID --output yaml'],
  args: { knitId: positional(data.show.params.shape.knitId), ...outputArgs },
  async run({ knitId, ...args }, ctx) {
    const found = await findData(api(ctx), knitId, ctx)
    if (!found) throw new Failure(`data ${knitId}: not found`, 'knit data find')
    print(ctx, found, args, dataColumns)
  },
})
