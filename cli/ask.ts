import { createInterface } from 'node:readline/promises'
import { toggle } from './arg.ts'
import type { Context } from './context.ts'
import { Interrupted } from './failure.ts'
import { note } from './output.ts'

export const yesArgs = {
  yes: toggle('Do not ask. Without a terminal nobody is asked anyway.', { short: 'y' }),
}

/** Whether somebody sits at a terminal who sees a question, and can answer it. */
export const isSomebodyThere = ({ stdin, stderr }: Context): boolean =>
  Boolean(stderr.isTTY && stdin().isTTY)

/** True when what destroys something may go on: nobody sits at a terminal, `--yes` was given, or who sits there agrees. */
export async function confirmed(
  question: string,
  { yes }: { yes: boolean },
  ctx: Context,
): Promise<boolean> {
  if (yes || !isSomebodyThere(ctx) || (await agreed(question, ctx))) return true
  note(ctx, 'nothing was done')
  return false
}

/** Asks the person at the terminal; anything but a yes is a no. */
export async function agreed(
  question: string,
  { stdin, stderr, signal }: Context,
): Promise<boolean> {
  const terminal = createInterface({ input: stdin(), output: stderr })
  const left = Promise.withResolvers<string>()
  // An end of the input (Ctrl-D) leaves a question without answer, and the terminal in the midst of a line; Ctrl-C does so, too.
  const leave = (how: () => void) => () => {
    stderr.write('\n')
    how()
  }
  terminal.once(
    'close',
    leave(() => left.resolve('')),
  )
  terminal.once(
    'SIGINT',
    leave(() => left.reject(new Interrupted())),
  )
  try {
    const said = terminal.question(`${question} [y/N] `, { signal })
    return /^y(es)?$/i.test((await Promise.race([said, left.promise])).trim())
  } finally {
    terminal.removeAllListeners().close()
  }
}
