import { join } from 'node:path'
import { localStart, type LocalStart } from '#shared/domain/local-start.ts'
import { shellLine } from '#shared/domain/shell.ts'
import { toggle } from '../../arg.ts'
import { flag } from '../../args.ts'
import { asCalled } from '../../called.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { Failure, first } from '../../failure.ts'
import { runInForeground } from '../../foreground.mjs'
import { localHome, requireProgram } from '../../local-home.ts'
import { findRunning, type Running } from '../../running.ts'
import { startDetached } from '../../start-detached.ts'
import { homeArgs } from './home-args.ts'

const passedOn = {
  port: flag(localStart.port, { hint: 'PORT' }),
  engine: flag(localStart.engine),
  database: flag(localStart.database, { hint: 'URL' }),
}

export default command({
  about: 'Start the system on this machine.',
  examples: ['knit local start --detach', 'knit local start --home ./home --port 30803'],
  args: {
    ...homeArgs,
    ...passedOn,
    adopt: toggle(localStart.adopt.description ?? ''),
    auth: toggle(localStart.auth.description ?? ''),
    detach: toggle('Start it in the background, and return once it answers.'),
  },
  async run(args, ctx) {
    const home = localHome(ctx, args.home)
    const running = findRunning(home)
    const { port, engine, database, adopt, auth } = args
    if (running) requireSame(running, { port, engine, database, adopt, auth })
    if (running && args.detach) return tell(running, ctx)
    if (running)
      throw new Failure(
        `it runs already in ${home}, as process ${running.pid}`,
        shellLine(['knit', 'local', 'status', '--home', home]),
      )
    const given = Object.entries({ home, port, engine, database })
    const flags = given.flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, value],
    )
    const toggles = Object.entries({ adopt, auth }).flatMap(([name, is]) =>
      is ? [`--${name}`] : [],
    )
    const words = [...requireProgram(ctx), 'start', ...flags, ...toggles]
    if (!args.detach) return runInForeground(words)
    tell(await startDetached(words, home, ctx), ctx)
  },
})

/** What was asked of one that runs already, it cannot become; nobody knows which database it has. */
function requireSame(
  { pid, home, apiRoot, engine, auth = false }: Running,
  asked: Omit<LocalStart, 'home'>,
): void {
  const isSo = {
    port: ['0', new URL(apiRoot).port].includes(asked.port ?? '0'),
    engine: ['auto', engine].includes(asked.engine ?? 'auto'),
    database: asked.database === undefined,
    adopt: !asked.adopt,
    auth: auth || !asked.auth,
  }
  const others = Object.entries(isSo).flatMap(([name, same]) => (same ? [] : [`--${name}`]))
  if (others.length === 0) return
  throw new Failure(
    `it runs already in ${home}, as process ${pid} at ${apiRoot} with ${engine}, and cannot take ${others.join(' and ')}`,
    first(shellLine(['knit', 'local', 'stop', '--home', home])),
  )
}

function tell({ apiRoot, home }: Running, ctx: Context): void {
  ctx.stdout.write(`${apiRoot}\n`)
  const init = shellLine(['knit', 'init', join(home, 'knitprofile')])
  const push = 'knit data push DIRECTORY --tag KEY:VALUE'
  ctx.stderr.write(asCalled(`now: ${init}\nthen: ${push}\n`, ctx))
}
