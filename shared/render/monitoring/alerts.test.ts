import { expect, test } from 'vitest'
import { stepFunctions } from '../../../functions/functions.generated.ts'
import { deployed } from '../knative/deployed.ts'
import { services } from '../knative/services.ts'
import { alerts } from './alerts.ts'

test('the log that an alert has people read is that of a container there is', () => {
  const manifests = JSON.stringify(services(deployed(stepFunctions)))
  const containers = [...manifests.matchAll(/"containers":\[\{"name":"([^"]+)"/g)]
  const there = new Set(containers.map(([, name]) => name))
  const read = Object.values(alerts).flatMap(({ todo }) => [
    ...todo.matchAll(/ logs .*? -c (\S+)`/g),
  ])
  expect(read).not.toEqual([])
  for (const [command, name] of read) expect(there, command).toContain(name)
})
