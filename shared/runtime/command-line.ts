import { parseArgs, type ParseArgsConfig } from 'node:util'

/** The command line of a program is not as it should be. */
export class Misused extends Error {
  override readonly name = 'Misused'
}

type Options = NonNullable<ParseArgsConfig['options']>
type Values<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O; allowPositionals: true }>
>['values']

export type Program<O extends Options> = {
  /** What `--help` prints; the first line says how it is called. */
  usage: string
  options: O
  /** Whether it takes words that are no options. */
  takesWords?: boolean
  /** Answers the exit code where that is another than 0; throws `Misused`. */
  run(values: Values<O>, words: string[]): Promise<number | void> | number | void
}

/**
 * Runs a program of this project with its command line; answers the exit code. `--help` prints how it is used; of what it does
 * not take it says so in one line and how it is called in another, and is 2.
 */
export async function runProgram<O extends Options>(
  { usage, options, takesWords = false, run }: Program<O>,
  args: string[] = process.argv.slice(2),
): Promise<number> {
  if (asksForHelp(args)) {
    process.stdout.write(usage)
    return 0
  }
  try {
    const { values, positionals } = read(args, options, takesWords)
    return (await run(values, positionals)) ?? 0
  } catch (error) {
    if (!(error instanceof Misused)) throw error
    process.stderr.write(`${error.message}\n${usage.split('\n', 1)[0]}\n`)
    return 2
  }
}

const asksForHelp = (args: string[]): boolean => {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? undefined : end).some((word) => word === '--help' || word === '-h')
}

function read<O extends Options>(args: string[], options: O, allowPositionals: boolean) {
  try {
    return parseArgs({ args, options, allowPositionals: allowPositionals as true })
  } catch (error) {
    // What follows the first sentence is advice for programs that take any word.
    const [what = ''] = (error as Error).message.split('. ')
    throw new Misused(what, { cause: error })
  }
}
