import { command } from '../command.ts'
import { version } from '../version.ts'

export default command({
  args: {},
  run: (_, ctx) => void ctx.stdout.write(`${version}\n`),
})
