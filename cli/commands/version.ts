import manifest from '../../package.json' with { type: 'json' }
import { command } from '../command.ts'

export default command({
  about: 'Print the version of this program.',
  args: {},
  run: (_, ctx) => void ctx.stdout.write(`v${manifest.version}\n`),
})
