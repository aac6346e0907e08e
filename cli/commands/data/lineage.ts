import * as z from 'zod'
import { data } from '#shared/contracts/data.ts'
import { api } from '../../api.ts'
import { flag, positional } from '../../args.ts'
import { command } from '../../command.ts'
import { Failure } from '../../failure.ts'
import { reachArgs, reachOf } from '../../graph/direction.ts'
import { traceLineage } from '../../graph/lineage.ts'
import { lineageDot } from '../../graph/lineage-dot.ts'
import { lineageList } from '../../graph/lineage-list.ts'
import { sourceOf } from '../../graph/source.ts'
import { print } from '../../output.ts'

export default command({
  about: 'Draw where data come from and what came of them, as a Graphviz document.',
  examples: [
    'knit data lineage KNIT_ID --numbers all | dot -Tsvg > lineage.svg',
    'knit data lineage KNIT_ID --upstream --output json',
  ],
  args: {
    knitId: positional(data.pull.params.shape.knitId),
    ...reachArgs,
    output: flag(
      z
        .enum(['dot', 'json', 'yaml'])
        .default('dot')
        .describe('dot for Graphviz; json or yaml for programs: data, runs and what leads where.'),
    ),
  },
  async run({ knitId, output, ...args }, ctx) {
    const reach = reachOf(args)
    const graph = await traceLineage(await sourceOf(knitId, reach, api(ctx), ctx), knitId, reach)
    if (!graph.data.get(knitId)) throw new Failure(`data ${knitId}: not found`, 'knit data find')
    if (output === 'dot') ctx.stdout.write(`${lineageDot(graph)}\n`)
    else print(ctx, lineageList(graph), { output }, [])
  },
})
