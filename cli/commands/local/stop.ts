import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { shellLine } from '#shared/domain/shell.ts'
import { localLog } from '#shared/files/home-folder.ts'
import { command } from '../../command.ts'
import { Failure } from '../../failure.ts'
import { localHome } from '../../local-home.ts'
import { findRunning, isAlive } from '../../running.ts'
import { note } from '../../output.ts'
import { homeArgs } from './home-args.ts'

const patience = 60_000
const lookedEvery = 50

export default command({
  about: 'Stop the system of this machine; its data stay.',
  examples: ['knit local stop', 'knit local stop --home ./home'],
  args: homeArgs,
  async run(args, ctx) {
    const home = localHome(ctx, args.home)
    const running = findRunning(home)
    if (!running) return note(ctx, `nothing runs in ${home}`)
    process.kill(running.pid, 'SIGTERM')
    for (let waited = 0; isAlive(running); waited += lookedEvery) {
      if (waited > patience)
        throw new Failure(
          `process ${running.pid} does not end`,
          shellLine(['tail', join(home, localLog)]),
        )
      await pause(lookedEvery, undefined, ctx)
    }
    note(ctx, `stopped in ${home}; programs that ran begin again with its next start`)
  },
})
