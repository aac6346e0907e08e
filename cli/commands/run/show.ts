import { pipeline } from 'node:stream/promises'
import { followLog } from '#shared/client/follow-log.ts'
import { runs } from '#shared/contracts/runs.ts'
import { api, onAway } from '../../api.ts'
import { toggle } from '../../arg.ts'
import { flag, Format, formatHelp, positional } from '../../args.ts'
import { inColour } from '../../colour.ts'
import { runColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { UsageError } from '../../failure.ts'
import { note, print, widthAt } from '../../output.ts'
import { runText } from '../../runs/detail.ts'
import { historyText } from '../../runs/history.ts'

export default command({
  about: runs.show.summary,
  examples: ['knit run show RUN_ID --log --follow', 'knit run show RUN_ID --history'],
  args: {
    runId: positional(runs.show.params.shape.runId),
    history: toggle('Show instead all that happened to it, and how long each part took.'),
    log: toggle('Print the log of the run instead.'),
    follow: toggle('With --log: go on until the program ends.', { short: 'f' }),
    output: flag(
      Format.optional().describe(
        `${formatHelp} Else json, or, of a --history on a terminal, table.`,
      ),
    ),
  },
  async run({ runId, history, log, follow, output }, ctx) {
    if (follow && !log) throw new UsageError('--follow needs --log', (line) => `${line} --log`)
    if (history && log) throw new UsageError('--history and --log are two things: ask for one')
    if (log) return showLog(runId, follow, ctx)
    const usual = history && ctx.stdout.isTTY ? 'table' : 'json'
    if (history) return showHistory(runId, output ?? usual, ctx)
    const run = await api(ctx).call(runs.show, { runId }, ctx)
    if (output === 'table') ctx.stdout.write(runText(run, widthAt(ctx.stdout)))
    else print(ctx, run, { output: output ?? usual }, runColumns)
  },
})

async function showLog(runId: string, follow: boolean, ctx: Context): Promise<void> {
  const { signal } = ctx
  const whenAway = onAway(ctx)
  const client = api(ctx, whenAway)
  const log = follow
    ? followLog(client, runId, {
        signal,
        onAway: whenAway,
        onNotYet: (why) => note(ctx, why),
        onAnew: () => note(ctx, 'the run has begun once more: its log from the beginning'),
      })
    : await client.log(runId, ctx)
  await pipeline(log, ctx.stdout, { end: false })
}

async function showHistory(runId: string, output: Format, ctx: Context): Promise<void> {
  const { stdout, env } = ctx
  const history = await api(ctx).call(runs.history, { runId }, ctx)
  if (output !== 'table') return print(ctx, history, { output }, [['RUN ID', () => runId]])
  const canvas = { width: widthAt(stdout), colour: inColour(stdout, env) }
  stdout.write(historyText(history, new Date(), canvas))
}
