import { command } from '../command.ts'
import { version } from '../version.ts'

export default command({
  about: 'Print the version of this program.',
  args: {},
  run: (_, ctx) => void ctx.stdout.write(`${version}\n`),
})
