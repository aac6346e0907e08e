import { expect, test } from 'vitest'
import { Scheduler, type Process } from './scheduler.ts'

test('who has his answer in the moment in which he is held is let go', async () => {
  const { promise: answer, resolve } = Promise.withResolvers<string>()
  const told: string[] = []
  const scheduler = new Scheduler(
    {
      waiting: async () => new Set([7]),
      isInCycle: async () => false,
      cancel: async () => {},
      hold() {
        told.push('hold')
        resolve('an answer')
      },
      letGo: () => void told.push('let go'),
    },
    () => false,
  )
  const process: Process = { number: 1, name: 'a', pace: 1, isDead: false }
  const call = { port: 'sql', what: 'ask', line: {}, pid: () => 7 } as const
  const asked = scheduler.gateOf(process)(call, () => answer)
  const [op] = scheduler.ready()
  if (!op) throw new Error('nobody waits at the gate')
  await scheduler.make(op, { is: 'made' })
  expect(await asked).toBe('an answer')
  expect(told).toEqual(['hold', 'let go'])
})
