import { Problem } from '#shared/contracts/problems.ts'
import { findFate, type Upload } from '#shared/database/uploads.ts'
import type { Queryable } from '#shared/database/sql.ts'

/** Why an upload is no more that of whom it was, as its caller is told. */
export async function whyOver(sql: Queryable, upload: Upload): Promise<Problem> {
  const fate = await findFate(sql, upload)
  if (fate === 'taken back') return lost()
  return fate === 'ended' ? ended() : takenOver()
}

/** Nobody wanted it to end: sent again, it is as good as new. */
export const lost = (cause?: Error): Problem =>
  new Problem(
    'upload-lost',
    'The upload was taken back, as its server stood still for too long; push it again from its first byte.',
    { cause },
  )

export const takenOver = (cause?: Error): Problem =>
  new Problem('upload-ended', 'Another request with the same key goes on with the upload.', {
    cause,
  })

const ended = (): Problem =>
  new Problem(
    'upload-ended',
    'Somebody ended the upload before it was whole; push the data again if they are wanted all the same.',
  )
