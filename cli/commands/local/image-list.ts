import { outputArgs } from '../../args.ts'
import { command } from '../../command.ts'
import { printImages } from '../../local-images.ts'
import { homeArgs } from './home-args.ts'

export default command({
  about: 'List the images that were added.',
  examples: ['knit local image list', 'knit local image list --output table'],
  args: { ...homeArgs, ...outputArgs },
  run: (args, ctx) => printImages(['list'], args, ctx),
})
