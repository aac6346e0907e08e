import { Readable } from 'node:stream'
import { expect } from 'vitest'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { NoSuchVolume } from '#shared/ports/cluster.ts'
import type { KeptLogs } from '#shared/ports/kept-logs.ts'
import { makeRun } from '#tests/support/runs.ts'
import { makeToken } from '#tests/support/tokens.ts'
import { test, type TestWorld } from '#tests/support/world.ts'
import { findSecrets } from './find-secrets.ts'
import { newSeed, secretOf } from './token-secret.ts'

const secret = 'sécret-of-this-home'
const secrets = [secret, 'another']

/** Logs by name, each in pieces of so many bytes; `read` says what was read of each. */
function logsOf(own: Record<string, string>, { piece = 1000, ofRuns = {} as typeof own } = {}) {
  const read: Record<string, number> = {}
  function* pieces(name: string, text: string) {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += piece) {
      read[name] = (read[name] ?? 0) + bytes.subarray(at, at + piece).length
      yield bytes.subarray(at, at + piece)
    }
  }
  const open = (name: string, text: string) =>
    Readable.from(pieces(name, text), { objectMode: false, highWaterMark: 1 })
  const logs: KeptLogs = {
    own: () => Object.entries(own).map(([name, text]) => [name, () => open(name, text)]),
    async ofRun(volume) {
      const text = ofRuns[volume]
      if (text === undefined) throw new NoSuchVolume('there is no such volume')
      return open(volume, text)
    },
  }
  return { logs, read }
}

/** A run that is over, and the volume of its log. */
async function endedRun(ctx: TestWorld): Promise<{ runId: string; volume: string }> {
  const { runId } = await makeRun(ctx, { status: 'done' })
  const [log] = await ctx.sql<{ id: string }[]>`
    update data
       set ended_at = now()
      from output
     where output.id = output_id
       and path is null
       and run_id = ${runId}
    returning data.id`
  return { runId, volume: volumeOf(log?.id ?? '') }
}

test.for([1, 7, 1000])(
  'a secret is found wherever a log is cut, by %d bytes',
  async (piece, { ctx }) => {
    const { logs } = logsOf(
      {
        bare: secret,
        within: `${'x'.repeat(100)}\u00e9${secret}é\n`,
        other: 'yet another one',
        none: `${secret.slice(1)} ${secret.slice(0, -1)}`,
      },
      { piece },
    )
    expect(await findSecrets({ ...ctx, logs }, secrets)).toEqual(['bare', 'within', 'other'])
  },
)

test('a token is found by its form, when it signs somebody in', async ({ ctx }) => {
  const [valid, expired, revoked] = [
    await makeToken(ctx, 'ann'),
    await makeToken(ctx, 'bob', { state: 'expired' }),
    await makeToken(ctx, 'carol', { state: 'revoked' }),
  ]
  const foreign = secretOf(newSeed(), 'the key of somebody else')
  const { logs } = logsOf(
    {
      valid: `authorization: Bearer ${valid}\n`,
      expired,
      revoked,
      foreign,
      cut: valid.slice(0, -1),
    },
    { piece: 10 },
  )
  expect(await findSecrets({ ...ctx, logs }, secrets)).toEqual(['valid'])
})

test('what programs print is read, the newest first, as far as that takes no long time', async ({
  ctx,
}) => {
  const runs = [await endedRun(ctx), await endedRun(ctx), await endedRun(ctx)] as const
  const text = `${'x'.repeat(30)}${secret}`
  const ofRuns = Object.fromEntries(runs.map(({ volume }) => [volume, text]))
  const of = (names: typeof runs | readonly (typeof runs)[number][]) =>
    names.map(({ runId }) => `log of run ${runId}`)
  const [first, second, third] = runs
  const found = async (limits: Partial<Parameters<typeof findSecrets>[2]> = {}) => {
    const { logs, read } = logsOf({}, { piece: 1, ofRuns })
    const reach = { runs: 10, bytesOfOne: 1000, bytesOfAll: 1000, ...limits }
    const names = await findSecrets({ ...ctx, logs }, secrets, reach)
    return { names, read: Object.keys(read).length }
  }
  expect(await found()).toEqual({ names: of([third, second, first]), read: 3 })
  expect(await found({ runs: 2 })).toEqual({ names: of([third, second]), read: 2 })
  expect(await found({ bytesOfAll: 60 })).toEqual({ names: of([third]), read: 2 })
  expect(await found({ bytesOfOne: 30 })).toEqual({ names: [], read: 3 })
})

test('a log that is still written, or gone meanwhile, is passed over', async ({ ctx }) => {
  await makeRun(ctx, { status: 'running' })
  await endedRun(ctx)
  const { logs } = logsOf({})
  expect(await findSecrets({ ...ctx, logs }, secrets)).toEqual([])
})

test('a log that cannot be read is no log without secrets', async ({ ctx }) => {
  await endedRun(ctx)
  const { logs } = logsOf({})
  logs.ofRun = async () => {
    throw new Error('stale file handle')
  }
  await expect(findSecrets({ ...ctx, logs }, secrets)).rejects.toThrow('stale file handle')
})
