import { outputArgs } from '../../args.ts'
import { command } from '../../command.ts'
import { homeArgs } from '../../local-home.ts'
import { printImages } from '../../local-images.ts'

export default command({
  about: 'List the images that were added.',
  examples: ['knit local image list', 'knit local image list --output table'],
  args: { ...homeArgs, ...outputArgs },
  run: (args, ctx) => printImages(['list'], args, ctx),
})
