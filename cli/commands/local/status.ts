import { shellLine } from '#shared/domain/shell.ts'
import { flag, Format, formatHelp } from '../../args.ts'
import { asCalled } from '../../called.ts'
import { command } from '../../command.ts'
import { localHome } from '../../local-home.ts'
import { findRunning, type Running } from '../../running.ts'
import { print, type Column } from '../../output.ts'
import { homeArgs } from './home-args.ts'

type Status = { running: boolean; home: string } & Partial<
  Pick<Running, 'apiRoot' | 'pid' | 'engine'>
>

const columns: Column<Status>[] = [
  ['HOME', ({ home }) => home],
  ['RUNNING', ({ running }) => (running ? 'yes' : 'no')],
  ['API ROOT', ({ apiRoot }) => apiRoot ?? ''],
  ['PROCESS', ({ pid }) => String(pid ?? '')],
  ['ENGINE', ({ engine }) => engine ?? ''],
]

export default command({
  about: 'Say whether the system of this machine runs: exit code 0 when it does, 1 when not.',
  examples: ['knit local status', 'knit local status --output json'],
  args: {
    ...homeArgs,
    output: flag(Format.optional().describe(`${formatHelp} Else a sentence.`)),
  },
  run({ output, ...args }, ctx) {
    const home = localHome(ctx, args.home)
    const { apiRoot, pid, engine } = findRunning(home) ?? {}
    const running = pid !== undefined
    if (output) print(ctx, { running, apiRoot, pid, engine, home }, { output }, columns)
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
