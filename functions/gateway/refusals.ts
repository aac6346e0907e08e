import { recordAudit, type AuditRecord } from '#shared/database/audit.ts'
import type { World } from '#shared/runtime/context.ts'
import { allowance } from './allowance.ts'

export type Refused = (attempt: AuditRecord) => void

/** Records what was passed on to others. Of that there is no transaction here: who asked has the answer by then. */
export const passings =
  ({ sql, log }: Pick<World, 'sql' | 'log'>) =>
  (record: AuditRecord): void =>
    void recordAudit(sql, record).catch((error: unknown) =>
      log.error('a request to an extra API is not in the audit', { ...record, error }),
    )

const ofOne = { times: 20, seconds: 60 }
const ofAll = { times: 200, seconds: 60, keys: 1 }

/** Records attempts of those who may not. Nobody fills the disk by that: of very many, how many more there were is in the log. */
export function refusals({ sql, log }: Pick<World, 'sql' | 'log'>, now?: () => number): Refused {
  const [one, all] = [allowance(ofOne, now), allowance(ofAll, now)]
  let passedOver = 0
  return (attempt) => {
    if (one.take(attempt.actor ?? attempt.address ?? '') > 0 || all.take('') > 0) {
      passedOver += 1
      return
    }
    if (passedOver > 0) log.warn('refused requests are not in the audit', { count: passedOver })
    passedOver = 0
    recordAudit(sql, attempt).catch((error: unknown) =>
      log.error('a refused request is not in the audit', { ...attempt, error }),
    )
  }
}
