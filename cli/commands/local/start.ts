import { join } from 'node:path'
import { localStart } from '#shared/domain/local-start.ts'
import { shellLine } from '#shared/domain/shell.ts'
import { flag, toggle } from '../../args.ts'
import { asCalled } from '../../called.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { Failure } from '../../failure.ts'
import { runInForeground } from '../../foreground.mjs'
import { findRunning, homeArgs, localHome, type Running } from '../../local-home.ts'
import { startDetached } from '../../start-detached.ts'

const passedOn = {
  port: flag(localStart.port, { hint: 'PORT' }),
  engine: flag(localStart.engine),
  database: flag(localStart.database, { hint: 'URL' }),
}

export default command({
  about: 'Start the system on this machine.',
  args: {
    ...homeArgs,
    ...passedOn,
    detach: toggle('Start it in the background, and return once it answers.'),
  },
  async run(args, ctx) {
    const home = localHome(ctx, args.home)
    const running = findRunning(home)
    if (running && args.detach) return tell(running, ctx)
    if (running)
      throw new Failure(
        `it runs already in ${home}, as process ${running.pid}`,
        shellLine(['knit', 'local', 'status', '--home', home]),
      )
    const { port, engine, database } = args
    const given = Object.entries({ home, port, engine, database })
    const flags = given.flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, value],
    )
    const words = [...ctx.localProgram, 'start', ...flags]
    if (!args.detach) return runInForeground(words)
    tell(await startDetached(words, home, ctx), ctx)
  },
})

function tell({ apiRoot, home }: Running, ctx: Context): void {
  ctx.stdout.write(`${apiRoot}\n`)
  const init = shellLine(['knit', 'init', join(home, 'knitprofile')])
  const push = 'knit data push DIRECTORY --tag KEY:VALUE'
  ctx.stderr.write(asCalled(`now: ${init}\nthen: ${push}\n`, ctx))
}
