import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import * as z from 'zod'
import { LocalPath } from '#shared/domain/local-path.ts'
import { shellLine } from '#shared/domain/shell.ts'
import { plainMessage } from '#shared/files/plain-message.ts'
import { toggle } from '../../arg.ts'
import { flag, positional } from '../../args.ts'
import { asCalled } from '../../called.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { Failure, UsageError } from '../../failure.ts'
import { loadKnitenv } from '../../knitenv.ts'
import { note } from '../../output.ts'
import { readImages, selectImage } from '../../template/image-archive.ts'
import { inferPlan, scratchPlan, unknownImage, type PlanDraft } from '../../template/infer.ts'
import { planYaml } from '../../template/plan-yaml.ts'

export default command({
  about: 'Write the file of a new plan, from an image or from scratch.',
  examples: [
    'docker save demo:v1 | knit plan template > plan.yaml',
    'knit plan template --scratch',
  ],
  args: {
    image: positional(
      z.string().optional().describe('Which image of the archive, as IMAGE:TAG, if it holds more.'),
    ),
    scratch: toggle('Read no image; write a plan to fill in.'),
    input: flag(
      LocalPath.default('-').describe('Archive of the image (docker save); - reads stdin.'),
      { short: 'i', hint: 'FILE' },
    ),
  },
  async run(args, ctx) {
    const plan = args.scratch ? fromScratch(args, ctx) : await fromImage(args, ctx)
    ctx.stdout.write(`\n${planYaml(plan)}\n`)
    const gaps = gapsIn(plan)
    const first = gaps.length > 0 ? `fill in ${gaps.join(', ')}` : 'look through it'
    note(ctx, asCalled(`written; ${first}, then: knit plan apply FILE`, ctx))
  },
})

/** What nobody but its author can know, and without which no server takes it. */
const gapsIn = ({ image, inputs }: PlanDraft): string[] => [
  ...(Object.values<string>(unknownImage).includes(image) ? ['the image'] : []),
  ...(inputs.length === 0 ? ['an input'] : []),
  ...inputs.flatMap(({ path, tags }) =>
    tags.length === 0 ? [`the tags of the input ${path}`] : [],
  ),
]

const saving = ({ image }: Pick<Given, 'image'>): string =>
  `docker save ${image === undefined ? 'IMAGE' : shellLine([image])} | knit plan template`

type Given = { image?: string; input: string }

function fromScratch({ image }: Given, ctx: Context) {
  if (image !== undefined) throw new UsageError('--scratch reads no image, so none can be named')
  return scratchPlan(loadKnitenv(ctx))
}

async function fromImage(given: Given, ctx: Context) {
  const { input } = given
  if (input === '-' && ctx.stdin().isTTY)
    throw new UsageError('there is no image to read; give one, or --scratch', saving(given))
  note(ctx, 'reading the image')
  const archive = input === '-' ? ctx.stdin() : createReadStream(resolve(ctx.cwd, input))
  const images = await readImages(archive, ctx.signal).catch((cause: Error) => {
    const what = input === '-' ? 'what came on stdin' : input
    const why = plainMessage(cause)
    throw new Failure(`${what} cannot be read as an image: ${why}`, saving(given), { cause })
  })
  return inferPlan(selectImage(images, given), loadKnitenv(ctx))
}
