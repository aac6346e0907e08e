import { readdir } from 'node:fs/promises'
import { describe, expect, onTestFinished } from 'vitest'
import { CORPUS } from '#shared/archive/test-hostile-archives.ts'
import { problems } from '#shared/contracts/problems.ts'
import { send, test, type Front } from '#tests/support/over-socket.ts'

/** All that is on disk, where a volume without anything in it is one name. */
const onDisk = ({ volumes }: Front) => readdir(volumes.folder, { recursive: true })

const counts = async ({ world: { sql } }: Front) => {
  const [row] = await sql`
    select (select count(*) from data)::integer as data,
           (select count(*) from run)::integer as runs`
  return row
}

describe.each(CORPUS)(
  'an upload of hostile %s is refused, and nothing of it is kept:',
  (_, cases, usual) => {
    test.for(Object.entries(cases))(
      '%s',
      async ([, { archive, code = usual, says = /\. /, limits }], { front }) => {
        const { config } = front.world
        front.world.config = { ...config, ...limits }
        onTestFinished(() => void (front.world.config = config))
        const [before, had] = [await counts(front), await onDisk(front)]

        const { status, text } = await send(front, {
          method: 'POST',
          path: '/api/data?tag=type:hostile',
          headers: { accept: 'application/problem+json' },
          body: archive,
        })

        const expected = code === 'too-large' ? 'too-large' : 'bad-archive'
        expect(status).toBe(problems[expected].status)
        expect(JSON.parse(text)).toMatchObject({
          code: expected,
          detail: expect.stringMatching(says),
        })
        expect(await counts(front)).toEqual(before)
        const more = (await onDisk(front)).filter((name) => !had.includes(name))
        expect(more).toEqual([expect.stringMatching(/^volumes\/data-knitid-[0-9a-f-]{36}$/)])
      },
    )
  },
)
