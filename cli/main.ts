import { writeSync } from 'node:fs'
import { plainMessage } from '#shared/files/plain-message.ts'
import { version } from './version.ts'

const words = process.argv.slice(2)
// What other programs ask most often needs nothing of the rest.
if (words.length === 1 && words[0] === '--version') say(`${version}\n`)
else void runAll()

function say(text: string): void {
  try {
    // Streams take longer to load than all else that is needed here.
    writeSync(1, text)
  } catch {
    process.stdout.on('error', endUnheard).write(text)
  }
}

async function runAll(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', endUnheard)
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
