import { data } from '#shared/contracts/data.ts'
import { api } from '../../api.ts'
import { positional } from '../../args.ts'
import { command } from '../../command.ts'
import { Failure } from '../../failure.ts'
import { reachArgs, reachOf } from '../../graph/direction.ts'
import { traceLineage } from '../../graph/lineage.ts'
import { lineageDot } from '../../graph/lineage-dot.ts'
import { lineageSource } from '../../graph/source.ts'

export default command({
  about: 'Draw where data come from and what came of them, as a Graphviz document.',
  examples: ['knit data lineage KNIT_ID --numbers all | dot -Tsvg > lineage.svg'],
  args: { knitId: positional(data.pull.params.shape.knitId), ...reachArgs },
  async run(args, ctx) {
    const { knitId } = args
    const graph = await traceLineage(lineageSource(api(ctx), ctx), knitId, reachOf(args))
    if (!graph.data.get(knitId)) throw new Failure(`data ${knitId}: not found`, 'knit data find')
    ctx.stdout.write(`${lineageDot(graph)}\n`)
  },
})
