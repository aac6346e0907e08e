import { command } from '../../command.ts'
import { runInForeground } from '../../foreground.mjs'
import { homeArgs, localHome, requireProgram } from '../../local-home.ts'

export default command({
  about: 'List the images that were added.',
  examples: ['knit local image list'],
  args: homeArgs,
  run(args, ctx) {
    const words = ['image', 'list', '--home', localHome(ctx, args.home)]
    return runInForeground([...requireProgram(ctx), ...words])
  },
})
