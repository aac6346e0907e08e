import { version } from './version.ts'

const { argv, stdout } = process

// Who reads may have read enough, as in `knit data find | head`.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(141)
  throw error
})

const words = argv.slice(2)
// What other programs ask most often needs nothing of the rest.
if (words.length === 1 && words[0] === '--version') stdout.write(`${version}\n`)
else void runAll()

async function runAll(): Promise<void> {
  const { program } = await import('./program.ts')
  process.exitCode = await program(words)
}
