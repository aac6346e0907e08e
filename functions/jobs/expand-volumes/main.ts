import '#shared/files/private-memory.ts'
import { setTimeout as pause } from 'node:timers/promises'
import { connectApi } from '#shared/adapters/kubernetes-cluster/api.ts'
import { expandVolumes } from '#shared/adapters/kubernetes-cluster/expand-volumes.ts'
import { quantityAmount } from '#shared/domain/quantity.ts'

/** Looks every few seconds whether claims of Data in `KNIT_NAMESPACE` are nearly full, and makes those larger; until SIGTERM. */
const {
  KNIT_NAMESPACE: namespace = '',
  KNIT_EXPAND_INTERVAL: interval = '10',
  KNIT_EXPAND_MARGIN: margin = '1Gi',
  KNIT_EXPAND_DELTA: delta = '5Gi',
  KNIT_EXPAND_MOST: most = '',
} = process.env
const growth = {
  namespace,
  margin: quantityAmount(margin),
  delta: quantityAmount(delta),
  ...(most && { most: quantityAmount(most) }),
}

const stopped = new AbortController()
process.once('SIGTERM', () => stopped.abort())
const api = connectApi()
// What is wrong for long is said once.
let said = ''

while (!stopped.signal.aborted) {
  await look().catch((error: unknown) => complain(String(error)))
  await pause(1000 * Number(interval), undefined, { signal: stopped.signal }).catch(() => {})
}

async function look(): Promise<void> {
  const done = await expandVolumes(api, growth)
  for (const one of done)
    if ('to' in one) console.log(`${one.claim} is made larger: ${one.to} bytes`)
  complain(done.flatMap((one) => ('error' in one ? [String(one.error)] : [])).join('\n'))
}

function complain(trouble: string): void {
  if (trouble && trouble !== said) console.error(trouble)
  said = trouble
}
