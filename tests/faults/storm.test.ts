import { test } from 'vitest'
import { weather } from './storm/weather.ts'

test(
  'whatever is killed, stopped or full, what was acknowledged is there for everybody, and every run is made once',
  { timeout: 240_000 },
  () => weather('1', () => {}),
)
