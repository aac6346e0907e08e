import { describe, expect } from 'vitest'
import { test } from '#tests/support/world.ts'
import { disturbances, disturbed, inWords, undisturbed } from './disturb.ts'
import { stepScenarios } from './step-scenarios.ts'

describe.each(Object.entries(stepScenarios))('%s, whatever fails at any call', (_, scenarios) => {
  test.for(scenarios.map((scenario) => [scenario.of, scenario] as const))(
    'leads to where it would have: %s',
    async ([, scenario], { database }) => {
      const { calls, right } = await undisturbed(database, scenario)
      expect(right).toMatchObject({ status: 202, broken: [] })
      for (const disturbance of disturbances(calls)) {
        const { state, broken } = await disturbed(database, scenario, disturbance, false)
        const what = inWords(disturbance)
        expect({ what, state, broken }).toEqual({ what, state: right.state, broken: [] })
      }
    },
  )
})
