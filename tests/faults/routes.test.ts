import { describe, expect, vi } from 'vitest'
import { test } from '#tests/support/world.ts'
import {
  beginnings,
  disturbances,
  disturbed,
  inWords,
  undisturbed,
  type Futures,
} from './disturb.ts'
import { routeScenarios } from './route-scenarios.ts'

// Some of them work through hundreds of disturbances.
vi.setConfig({ testTimeout: 300_000 })

describe.each(Object.entries(routeScenarios))('%s, whatever fails at any call', (_, scenarios) => {
  test.for(scenarios.map((scenario) => [scenario.of, scenario] as const))(
    'is done once, for who asks until there is an answer: %s',
    async ([, scenario], { database }) => {
      const begin = beginnings(database, scenario)
      const { calls, right } = await undisturbed(begin)
      if (scenario.status === undefined) expect(right.status).toBeLessThan(300)
      else expect(right.status).toBe(scenario.status)
      expect(right.broken).toEqual([])
      const futures: Futures = new Map()
      for (const disturbance of disturbances(calls, scenario)) {
        const what = inWords(disturbance)
        const outcome = await disturbed(begin, disturbance, true, futures)
        expect({ what, ...outcome }).toEqual({ what, ...right })
      }
    },
  )
})
