import { plainMessage } from '#shared/files/plain-message.ts'
import { version } from './version.ts'

const { argv, stdout } = process

stdout.on('error', endUnheard)

const words = argv.slice(2)
// What other programs ask most often needs nothing of the rest.
if (words.length === 1 && words[0] === '--version') stdout.write(`${version}\n`)
else void runAll()

async function runAll(): Promise<void> {
  process.stderr.on('error', endUnheard)
  const { program } = await import('./program.ts')
  process.exitCode = await program(words)
}

/** What is printed gets nowhere: there is no use in going on. */
function endUnheard(error: NodeJS.ErrnoException): never {
  // Who reads may have read enough, as in `knit data find | head`.
  if (error.code === 'EPIPE') process.exit(141)
  process.stderr.write(`what is printed cannot be written: ${plainMessage(error)}\ntry: df -h .\n`)
  process.exit(1)
}
