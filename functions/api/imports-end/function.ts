import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { imports } from '#shared/contracts/imports.ts'
import { Problem } from '#shared/contracts/problems.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { ImportTicket } from '#shared/domain/import-ticket.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { completeImport, holdImport } from '#shared/database/imports.ts'
import type { Tx } from '#shared/database/sql.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineRoute, type RouteInput } from '#shared/runtime/define-route.ts'
import { verifyImport } from '#shared/runtime/import-token.ts'
import { readText } from '#shared/runtime/read-request.ts'
import { newDataOrProblem } from '#shared/runtime/show.ts'

const longestToken = { setting: 'of a token', bytes: 8192 }

export default defineRoute(
  imports.end,
  async (input, ctx) => {
    const token = await readToken(input)
    const ticket = await verifyImport(token, ctx.config, ctx.clock.now())
    if (!ticket)
      throw new Problem(
        'bad-import-token',
        'The token is none that ends an import here, or it has expired; begin a new import.',
      )
    await waitForVolume(ctx, volumeOf(ticket.knitId))
    return ctx.once((tx) => end(tx, ticket, ctx), createHash('sha256').update(token).digest())
  },
  { uses: ['adoptVolume'] },
)

async function readToken({ request, bindings }: RouteInput<typeof imports.end>): Promise<string> {
  const type = request.headers.get('content-type')
  if (type !== imports.end.body)
    throw new Problem(
      'bad-request',
      `The content type should be ${imports.end.body}, but it is ${type || 'absent'}.`,
    )
  const text = await readText(request, bindings, longestToken)
  return text.replace(/\r?\n$/, '')
}

const [patience, lookAgain] = [3000, 250]

/** A claim may be bound moments after it was made. */
async function waitForVolume({ cluster, clock }: Context, volume: string): Promise<void> {
  const begin = clock.now().getTime()
  for (;;) {
    const state = await cluster.adoptVolume(volume)
    if (state === 'ready') return
    if (state === 'absent' || clock.now().getTime() - begin > patience)
      throw noVolume(volume, state)
    await pause(lookAgain)
  }
}

const noVolume = (volume: string, state: 'pending' | 'absent'): Problem =>
  new Problem(
    'volume-missing',
    state === 'absent'
      ? `There is no volume ${volume} (a directory, and no link to one, where volumes are directories); make it, and end the import then.`
      : `The volume ${volume} is not bound; end the import again when it is.`,
  )

/** Shown is what was before: that it becomes data is told by its run. Told twice while it does, it is the same. */
async function end(tx: Tx, { runId, knitId }: ImportTicket, ctx: Context): Promise<DataDetail> {
  const status = await holdImport(tx, { runId, knitId })
  if (status === undefined)
    throw new Problem(
      'import-missing',
      `The run ${runId} of the import was deleted; begin a new one.`,
    )
  if (status === 'done')
    throw new Problem('bad-import-token', 'The token was used: what it was for is data by now.')
  if (status !== 'running' && status !== 'completing')
    throw new Problem(
      'import-over',
      `The run ${runId} of the import is ${status}: it was not ended in time, or somebody stopped it. Begin a new one.`,
    )
  const shown = await newDataOrProblem(tx, knitId)
  if (status === 'running') await completeImport(tx, runId, ctx.by)
  return shown
}
