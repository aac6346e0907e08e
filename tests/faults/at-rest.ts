import { connectApi } from '#shared/client/connect.ts'
import { admin } from '#shared/contracts/admin.ts'
import { databaseOf } from '#tests/support/home-database.ts'
import type { RunningHome } from '#tests/support/local-home.ts'
import { until } from '#tests/support/until.ts'

/** Resolves when nothing goes on in a home, nothing is left to do, and everything holds that must hold. */
export async function untilAtRest({ folder, apiRoot }: RunningHome): Promise<void> {
  await passLeases(folder)
  const api = connectApi({ apiRoot })
  let broken: string[] = []
  await until(async () => {
    const checks = await api.call(admin.check, { patience: 0 })
    const wrong = checks.filter(({ state }) => state !== 'holds')
    broken = wrong.map(({ sentence, things, reason = '' }) => `${sentence} ${things} ${reason}`)
    return broken.length === 0
  }).catch((cause: unknown) => {
    throw new Error(`it does not come to rest: ${broken.join('\n')}`, { cause })
  })
}

/** Events that were being published when somebody was killed are published again once their lease has passed: now. */
async function passLeases(folder: string): Promise<void> {
  const sql = databaseOf(folder)
  await sql`update outbox set leased_until = null`
  await sql.end({ timeout: 1 })
}
