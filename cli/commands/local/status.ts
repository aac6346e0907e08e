import { shellLine } from '#shared/domain/shell.ts'
import { toggle } from '../../args.ts'
import { asCalled } from '../../called.ts'
import { command } from '../../command.ts'
import { findRunning, homeArgs, localHome } from '../../local-home.ts'
import { printJson } from '../../output.ts'

export default command({
  about: 'Say whether the system of this machine runs: exit code 0 when it does, 1 when not.',
  examples: ['knit local status --json'],
  args: { ...homeArgs, json: toggle('Print JSON.') },
  run(args, ctx) {
    const home = localHome(ctx, args.home)
    const running = findRunning(home)
    const { apiRoot, pid, engine } = running ?? {}
    if (args.json) printJson(ctx, { running: running !== undefined, apiRoot, pid, engine, home })
    else if (running)
      ctx.stdout.write(`running at ${apiRoot} (process ${pid}, ${engine}) in ${home}\n`)
    else ctx.stdout.write(`not running in ${home}\n`)
    if (!running && !ctx.flags.quiet) {
      const start = shellLine(['knit', 'local', 'start', '--detach', '--home', home])
      ctx.stderr.write(asCalled(`try: ${start}\n`, ctx))
    }
    return running ? 0 : 1
  },
})
