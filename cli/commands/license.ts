import { command } from '../command.ts'
import { licenses } from '../licenses.ts'

export default command({
  args: {},
  run: (_, ctx) => void ctx.stdout.write(licenses()),
})
