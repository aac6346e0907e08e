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
import { stepScenarios } from './step-scenarios.ts'

// Some of them work through hundreds of disturbances.
vi.setConfig({ testTimeout: 300_000 })

describe.each(Object.entries(stepScenarios))('%s, whatever fails at any call', (_, scenarios) => {
  test.for(scenarios.map((scenario) => [scenario.of, scenario] as const))(
    'leads to where it would have: %s',
    async ([, scenario], { database }) => {
      const begin = beginnings(database, scenario)
      const { calls, right } = await undisturbed(begin)
      expect(right).toMatchObject({ status: 202, broken: [] })
      const futures: Futures = new Map()
      for (const disturbance of disturbances(calls, scenario)) {
        const { state, broken } = await disturbed(begin, disturbance, false, futures)
        const what = inWords(disturbance)
        expect({ what, state, broken }).toEqual({ what, state: right.state, broken: [] })
      }
    },
  )
})
