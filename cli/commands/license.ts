import { command } from '../command.ts'
import { licenses } from '../licenses.ts'

export default command({
  about: 'Print the licence of this program, and those of what it is made of.',
  args: {},
  run: (_, ctx) => void ctx.stdout.write(licenses()),
})
