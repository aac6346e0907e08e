import * as z from 'zod'
import { visible } from '#shared/domain/visible.ts'
import { globalArgs } from '../arg.ts'
import { flag, positional } from '../args.ts'
import { readBashLine } from '../bash-line.ts'
import { command } from '../command.ts'
import { complete, type Candidate } from '../completion.ts'
import { lookUp } from '../look-up.ts'
import { parse } from '../parse.ts'
import { divided } from '../run-extension.ts'

export default command({
  args: {
    words: positional(z.array(z.string()).default([]).describe('The words behind knit, after --.')),
    line: flag(z.string().optional().describe('Instead of these, the line of bash.')),
    breaks: flag(z.string().default('').describe('What parts words there.')),
  },
  async run({ words: given, line, breaks }, ctx) {
    const bash = line === undefined ? undefined : readBashLine(line, breaks)
    const words = bash?.words.slice(1) ?? given
    // The last word is not there yet: who types the value of a flag has not given it.
    const flags = parse(divided([...words.slice(0, -1), '']).ours, globalArgs)
    const quiet = { ...ctx, flags: { ...flags, quiet: true } }
    const { candidates, files } = await complete(ctx.root, words, lookUp(quiet, words.at(-1) ?? ''))
    const told = ({ word, about }: Candidate): string[] =>
      bash ? [bash.inPlace(visible(word))] : [word, ...(about ? [about] : [])].map(visible)
    for (const candidate of candidates) ctx.stdout.write(`${told(candidate).join('\t')}\n`)
    if (files) ctx.stdout.write(':files\n')
  },
})
