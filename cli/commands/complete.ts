import * as z from 'zod'
import { visible } from '#shared/domain/visible.ts'
import { globalArgs, positional } from '../args.ts'
import { command } from '../command.ts'
import { complete } from '../completion.ts'
import { lookUp } from '../look-up.ts'
import { parse } from '../parse.ts'
import { divided } from '../run-extension.ts'

export default command({
  args: {
    words: positional(z.array(z.string()).default([]).describe('The words behind knit, after --.')),
  },
  async run({ words }, ctx) {
    // The last word is not there yet: who types the value of a flag has not given it.
    const flags = parse(divided([...words.slice(0, -1), '']).ours, globalArgs)
    const quiet = { ...ctx, flags: { ...flags, quiet: true } }
    const { candidates, files } = await complete(ctx.root, words, lookUp(quiet, words.at(-1) ?? ''))
    for (const { word, about } of candidates)
      ctx.stdout.write(`${[word, ...(about ? [about] : [])].map(visible).join('\t')}\n`)
    if (files) ctx.stdout.write(':files\n')
  },
})
