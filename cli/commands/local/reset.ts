import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { shellLine } from '#shared/domain/shell.ts'
import { homeMarker } from '#shared/files/home-folder.ts'
import { removeTree } from '#shared/files/trash.ts'
import { toggle } from '../../arg.ts'
import { agreed, isSomebodyThere } from '../../ask.ts'
import { command } from '../../command.ts'
import { Failure, first, UsageError } from '../../failure.ts'
import { localHome } from '../../local-home.ts'
import { findRunning } from '../../running.ts'
import { note } from '../../output.ts'
import { homeArgs } from './home-args.ts'

export default command({
  about: 'Delete the system of this machine with all its data, plans and runs.',
  examples: ['knit local reset --home ./home'],
  args: { ...homeArgs, yes: toggle('Do not ask.', { short: 'y' }) },
  async run(args, ctx) {
    const home = localHome(ctx, args.home)
    if (!existsSync(home)) return note(ctx, `there is nothing at ${home}`)
    if (findRunning(home))
      throw new Failure(
        `the system in ${home} runs`,
        shellLine(['knit', 'local', 'stop', '--home', home]),
      )
    if (!existsSync(join(home, homeMarker)))
      throw new Failure(
        `${home} is no home of knit: it has no file ${homeMarker}`,
        first('correct --home or KNIT_HOME'),
      )
    if (!args.yes && !isSomebodyThere(ctx))
      throw new UsageError('there is nobody to ask', (line) => `${line} --yes`)
    if (!args.yes && !(await agreed(`Delete ${home} with all data in it?`, ctx)))
      return note(ctx, 'nothing was deleted')
    await removeTree(home)
    note(ctx, `deleted ${home}`)
  },
})
