import { expect, test } from 'vitest'
import { stepFunctions } from '../../../functions/functions.generated.ts'
import { clockSteps } from '#shared/workflow/triggers.ts'
import { deployed } from './deployed.ts'
import { services } from './services.ts'

test('however much waits, no step takes a node for itself, and one of the clock is done by one', () => {
  const text = JSON.stringify(services(deployed(stepFunctions)))
  for (const { name } of stepFunctions) {
    const [, most] = new RegExp(`"step-${name}\\\\" \\\\"maxScale\\\\" (\\d+)`).exec(text) ?? []
    expect(Number(most), name).toBeGreaterThan(0)
    if (clockSteps.some((step) => step === name)) expect(Number(most), name).toBe(1)
  }
})
